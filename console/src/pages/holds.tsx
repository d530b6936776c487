/** The open holds of a customer, and what can be done with each. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { accountName } from '../account-name.js'
import type { Kind, Subject } from '../actions.js'
import { amountText, timeText } from '../format.js'
import { type Account, type Hold, readHolds } from '../ledger.js'
import { Problem, Scroll } from '../parts.js'
import { linkTo } from '../route.js'

const Row = ({
  hold: { hold, remaining, expires_at },
  onAction,
}: {
  readonly hold: Hold
  readonly onAction: ((kind: Kind, hold: Hold) => void) | undefined
}) => (
  <tr>
    <th scope="row">
      <a className="id" href={linkTo('transaction', hold)}>
        {hold}
      </a>
    </th>
    <td className="number">{amountText(remaining)}</td>
    {onAction === undefined ? null : (
      <td>
        <span className="buttons">
          <button type="button" onClick={() => onAction('capture', { hold, remaining, expires_at })}>
            Capture
          </button>
          <button
            type="button"
            className="quiet"
            onClick={() => onAction('release', { hold, remaining, expires_at })}
          >
            Release
          </button>
        </span>
      </td>
    )}
    <td>{timeText(expires_at)}</td>
  </tr>
)

/** Nothing for an account without holds. `onAction` is absent for readers. */
export const Holds = ({
  account: { client_id, asset, seq, holds, cursor },
  onAction,
}: {
  readonly account: Account
  readonly onAction: ((kind: Kind, subject: Subject) => void) | undefined
}) => {
  const account = accountName({ client_id, asset })
  const more = useInfiniteQuery({
    // the pages after the first one belong to the account as it was read
    queryKey: ['holds', account, seq],
    enabled: false,
    initialPageParam: cursor ?? '',
    queryFn: ({ pageParam }) => readHolds(account, pageParam),
    getNextPageParam: page => page.cursor,
  })
  if (holds.length === 0) return null
  const all = [...holds, ...(more.data?.pages.flatMap(page => page.holds) ?? [])]
  const has_more = more.data === undefined ? cursor !== undefined : more.hasNextPage
  return (
    <section aria-labelledby="holds">
      <h2 id="holds">Open holds</h2>
      <Scroll label="Open holds">
        <table>
          <thead>
            <tr>
              <th scope="col">Hold</th>
              <th scope="col" className="number">
                Remaining
              </th>
              {onAction === undefined ? null : <th scope="col">Actions</th>}
              <th scope="col">Until (UTC)</th>
            </tr>
          </thead>
          <tbody>
            {all.map(hold => (
              <Row
                key={hold.hold}
                hold={hold}
                onAction={
                  onAction === undefined
                    ? undefined
                    : (kind, { hold: id, remaining }) => onAction(kind, { account, hold: id, remaining })
                }
              />
            ))}
          </tbody>
        </table>
      </Scroll>
      <Problem error={more.error} />
      {has_more ? (
        <button
          type="button"
          disabled={more.isFetching}
          onClick={() => void (more.data === undefined ? more.refetch() : more.fetchNextPage())}
        >
          Load more
        </button>
      ) : null}
    </section>
  )
}
