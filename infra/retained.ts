/**
 * The text about the resources that a destroyed stage leaves behind. It is printed before `cdk destroy` asks.
 */

import type { Choice } from './choice.js'
import { CONFIGS } from './config.js'
import { baseTable, firstTable, secretName } from './names.js'

const ALWAYS_NATS = `  The volumes of the three NATS nodes: the stream is on them, and the stream is the ledger. (EC2, Volumes)
`

/** The part about the bucket of heads, which no stage can remove before its last lock has ended. */
const HEADS = `  The bucket of signed heads: each is locked, which is what it is for. Empty and delete it once the last lock has ended. (S3)
`

const PROD = `  The table: it could be rebuilt from the stream, but not in a minute. It also refuses deletion.
  Every log group, flow log and access log: somebody may have to explain a balance later.
  The bucket of imports: what was dropped into it, and what became of it.
  The image repository and the artifacts: with the volumes they are all that a rebuild needs.
  The secrets: without its credentials a rebuilt ledger cannot connect.
  Stacks and load balancer refuse deletion too: switch that off first (docs/deploy-aws.md, "Tear-down").
`

/** The part about tables that no stack knows: those that a replay made, and those of a program before this one. */
const OTHER_TABLES = (stage: Choice['stage']): string =>
  `  Tables of later generations, if a replay made any: ${firstTable(stage)}.g<n>; and those of a program with four projections, if there was one:
  ${baseTable(stage)}, ${baseTable(stage)}-journal, -totals and -ranking.
  They are of no use to another deployment. (aws dynamodb list-tables; aws dynamodb delete-table --table-name ...)
`

/** The whole text for one stage. */
export const RETAINED = ({ stage, nats }: Choice): string => {
  const kept = `${nats === 'self-hosted' ? ALWAYS_NATS : ''}${HEADS}${CONFIGS[stage].is_protected ? PROD : ''}${OTHER_TABLES(stage)}`
  return `Destroying ${stage} leaves, and you go on paying for:
${kept}
Secrets that are deleted (${secretName(stage, '*')}) can be restored for 30 days; NATS outside AWS keeps its stream.
`
}
