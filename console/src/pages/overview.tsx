/** What the ledger holds: the sum of all balances, the movements by day, and the highest balances. */

import { useQuery } from '@tanstack/react-query'
import { get } from '../api.js'
import { Chart } from '../chart.js'
import { amountText, countText } from '../format.js'
import type { Ranking, Summary } from '../ledger.js'
import { Facts, Problem, Scroll, Waiting } from '../parts.js'
import { linkTo } from '../route.js'

const DAYS = 30
const DAY_MS = 86_400_000
const REFRESH_MS = 30_000

const dayText = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

const Days = ({ days }: Pick<Summary, 'days'>) => (
  <>
    <Chart
      label={`Credits, debits and refusals of the last ${DAYS} days`}
      times_s={days.map(({ day }) => Date.parse(day) / 1_000)}
      series={[
        { label: 'credits', values: days.map(({ credits }) => credits.count) },
        { label: 'debits', values: days.map(({ debits }) => debits.count) },
        { label: 'refusals', values: days.map(({ declined }) => declined) },
      ]}
    />
    <Scroll label="Movements by day">
      <table>
        <thead>
          <tr>
            <th scope="col">Day (UTC)</th>
            <th scope="col" className="number">
              Credits
            </th>
            <th scope="col" className="number">
              Amount
            </th>
            <th scope="col" className="number">
              Debits
            </th>
            <th scope="col" className="number">
              Amount
            </th>
            <th scope="col" className="number">
              Refusals
            </th>
          </tr>
        </thead>
        <tbody>
          {days
            .filter(({ credits, debits, declined }) => credits.count + debits.count + declined > 0)
            .reverse()
            .map(({ day, credits, debits, declined }) => (
              <tr key={day}>
                <th scope="row">{day}</th>
                <td className="number">{countText(credits.count)}</td>
                <td className="number">{amountText(credits.amount)}</td>
                <td className="number">{countText(debits.count)}</td>
                <td className="number">{amountText(debits.amount)}</td>
                <td className="number">{countText(declined)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </Scroll>
  </>
)

const Highest = ({ ranking }: Ranking) => (
  <Scroll label="Highest balances">
    <table>
      <thead>
        <tr>
          <th scope="col" className="number">
            Rank
          </th>
          <th scope="col">Customer</th>
          <th scope="col" className="number">
            Balance
          </th>
        </tr>
      </thead>
      <tbody>
        {ranking.map(({ rank, client_id, balance }) => (
          <tr key={client_id}>
            <td className="number">{rank}</td>
            <th scope="row">
              <a href={linkTo('customers', client_id)}>{client_id}</a>
            </th>
            <td className="number">{amountText(balance)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
)

export const OverviewPage = () => {
  const now_ms = Date.now()
  const period = { from: dayText(now_ms - (DAYS - 1) * DAY_MS), to: dayText(now_ms) }
  const summary = useQuery({
    queryKey: ['summary', period],
    queryFn: () => get<Summary>('/v1/summary', period),
    refetchInterval: REFRESH_MS,
  })
  const ranking = useQuery({
    queryKey: ['ranking'],
    queryFn: () => get<Ranking>('/v1/ranking', { limit: 10 }),
    refetchInterval: REFRESH_MS,
  })
  return (
    <>
      <h1>Overview</h1>
      <p className="hint">Amounts are whole numbers of the minor unit.</p>
      <Problem error={summary.error ?? ranking.error} />
      {summary.isPending ? <Waiting what="the totals" /> : null}
      {summary.data === undefined ? null : (
        <>
          <Facts
            facts={[
              ['Sum of balances', amountText(summary.data.balance)],
              ['Customers', countText(summary.data.customers)],
              [
                'Credits',
                `${countText(summary.data.credits.count)} of ${amountText(summary.data.credits.amount)}`,
              ],
              [
                'Debits',
                `${countText(summary.data.debits.count)} of ${amountText(summary.data.debits.amount)}`,
              ],
              ['Recorded refusals', countText(summary.data.declined)],
            ]}
          />
          <h2>Movements by day</h2>
          <Days days={summary.data.days} />
        </>
      )}
      <h2>Highest balances</h2>
      {ranking.data === undefined ? null : <Highest ranking={ranking.data.ranking} />}
    </>
  )
}
