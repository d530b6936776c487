# The service as an image: the compiled program and its production dependencies. The embedded servers of `jetledger dev`
# stay outside: their postinstall is not run.
#
#   docker buildx build --platform linux/arm64 --build-arg VERSION=$(node -p 'require("./package.json").version') -t jetledger .
#   docker run --init --read-only --cap-drop ALL -e NATS_URL=... -p 8080:8080 jetledger
#
# Node 24 (LTS). The digest is the multi-platform index of the tag; docs/deploy-compose.md says how to move both.
ARG NODE=node:24.21.0-trixie-slim@sha256:173f125896c3b47ddf056734c7ea789d04595a6a08769a8f78e0df642781fb66

# The compiled JavaScript is the same for every platform, so this stage runs on the builder's.
FROM --platform=$BUILDPLATFORM ${NODE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY console ./console
COPY scripts/build-console.mjs ./scripts/
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM ${NODE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="jetledger" \
      org.opencontainers.image.description="A customer-balance ledger on NATS JetStream, projected into DynamoDB" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# "jetledger version" says the commit
ENV JETLEDGER_COMMIT=${REVISION}
ENV NODE_ENV=production
WORKDIR /app
# the only writable folders, both volumes: bin/write-files.js writes settings that are files into the first, and an import its
# temporary file into the second where TMPDIR names it
RUN install -d -o 1000 -g 1000 -m 0700 /run/jetledger /run/jetledger-scratch
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY bin ./bin
COPY assets ./assets
USER 1000:1000
VOLUME /run/jetledger
VOLUME /run/jetledger-scratch
EXPOSE 8080
# the program handles SIGTERM; the runtime's own init does what Node lacks as process 1
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=6 CMD ["node", "bin/healthcheck.js"]
ENTRYPOINT ["node", "bin/jetledger.js"]
CMD ["serve"]
