/** Draws the rates of the benchmark `ledger` as an SVG: one group of bars for each kind of write. Pure. */

import { BASELINES, HTTP, NATS } from './lines.js'

type Bar = { readonly label: string; readonly name: string; readonly kind: 'ledger' | 'baseline' }

const bars = (nats: string, http: string, postgres: string, route: string): readonly Bar[] => [
  { label: 'Jetledger, NATS', name: nats, kind: 'ledger' },
  { label: 'PostgreSQL by hand', name: postgres, kind: 'baseline' },
  { label: 'Jetledger, HTTP', name: http, kind: 'ledger' },
  { label: 'PostgreSQL by hand, HTTP', name: route, kind: 'baseline' },
]

const GROUPS: readonly (readonly [title: string, bars: readonly Bar[]])[] = [
  ['Credits', bars(NATS.many, HTTP.credit, BASELINES.postgres, BASELINES.route)],
  ['Credits of one hot account', bars(NATS.hot, HTTP.hot, BASELINES.postgres_hot, BASELINES.route_hot)],
  ['Transfers', bars(NATS.transfer, HTTP.transfer, BASELINES.postgres_transfer, BASELINES.route_transfer)],
  [
    'Credits in batches of 1,000',
    bars(NATS.batch, HTTP.batch, BASELINES.postgres_batch, BASELINES.route_batch),
  ],
]

const WIDTH = 760
const LABEL_WIDTH = 200
const VALUE_WIDTH = 70
const BAR_HEIGHT = 18
const BAR_STEP = 22
const TITLE_HEIGHT = 30
const GROUP_GAP = 12
const BAR_WIDTH_MAX = WIDTH - LABEL_WIDTH - VALUE_WIDTH

const STYLE = [
  'text{font:13px system-ui,sans-serif;fill:#1f2430}',
  '.title{font-weight:600}',
  '.ledger{fill:#2f6fde}',
  '.baseline{fill:#9aa3b2}',
  '@media(prefers-color-scheme:dark){text{fill:#e6e9ef}.ledger{fill:#6ea0ff}.baseline{fill:#6b7385}}',
].join('')

const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString('en-US')}/s`

/** One group at the height `y`, with a scale of its own: batches would make all other bars invisible. */
const groupAt = (
  title: string,
  shown: readonly (Bar & { readonly rate: number })[],
  y: number,
): readonly string[] => {
  const largest = Math.max(...shown.map(({ rate }) => rate), 1)
  return [
    `<text class="title" x="0" y="${y + TITLE_HEIGHT - 12}">${title}</text>`,
    ...shown.flatMap(({ label, kind, rate }, i) => {
      const top = y + TITLE_HEIGHT + i * BAR_STEP
      const width = Math.max(1, Math.round((rate / largest) * BAR_WIDTH_MAX))
      const base = top + BAR_HEIGHT - 5
      return [
        `<text x="0" y="${base}">${label}</text>`,
        `<rect class="${kind}" x="${LABEL_WIDTH}" y="${top}" width="${width}" height="${BAR_HEIGHT}"/>`,
        `<text x="${LABEL_WIDTH + width + 6}" y="${base}">${perSecond(rate)}</text>`,
      ]
    }),
  ]
}

/** The chart of the lines that were measured, by their rates per second; undefined when it shows none of them. */
export const chartOf = (rates: ReadonlyMap<string, number>): string | undefined => {
  const parts: string[] = []
  let y = 0
  for (const [title, all] of GROUPS) {
    const shown = all.flatMap(bar => {
      const rate = rates.get(bar.name)
      return rate === undefined ? [] : [{ ...bar, rate }]
    })
    if (shown.length === 0) continue
    parts.push(...groupAt(title, shown, y))
    y += TITLE_HEIGHT + shown.length * BAR_STEP + GROUP_GAP
  }
  if (parts.length === 0) return undefined
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="Writes per second">`,
    `<style>${STYLE}</style>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}
