/** Finds a customer: by id, or in the list of all of them. */

import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useDeferredValue, useState } from 'react'
import { accountName, namesIn } from '../account-name.js'
import { get } from '../api.js'
import { amountText } from '../format.js'
import type { CustomerList } from '../ledger.js'
import { Field, Problem, Scroll, Waiting } from '../parts.js'
import { goTo, linkTo } from '../route.js'

const PAGE = 100
const ASSET = /^[A-Z][A-Z0-9]{0,15}$/

export const CustomersPage = () => {
  const [id, setId] = useState('')
  const { client_id: prefix, asset = '' } = namesIn(useDeferredValue(id.trim()))
  const of_asset = ASSET.test(asset) ? asset : undefined
  const list = useInfiniteQuery({
    queryKey: ['customers', prefix, of_asset],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      get<CustomerList>('/v1/customers', { limit: PAGE, cursor: pageParam, prefix, asset: of_asset }, signal),
    getNextPageParam: ({ cursor }) => cursor,
    // the list of before stays until the next one is there
    placeholderData: keepPreviousData,
  })
  const shown =
    list.data?.pages.flatMap(({ asset: of, customers }) =>
      customers.map(one => ({ ...one, name: accountName({ client_id: one.client_id, asset: of }) })),
    ) ?? []
  return (
    <>
      <h1>Customers</h1>
      <search>
        <form
          className="find"
          onSubmit={event => {
            event.preventDefault()
            if (id.trim() !== '') goTo('customers', id.trim())
          }}
        >
          <Field
            label="Customer id"
            value={id}
            onChange={setId}
            required
            autoFocus
            hint="Enter opens that customer; the list shows the ids that begin so. An asset follows after a slash: 678/EUR."
          />
          <button type="submit">Open</button>
        </form>
      </search>
      <Problem error={list.error} />
      {list.isPending ? <Waiting what="the customers" /> : null}
      {list.data === undefined ? null : (
        <>
          <Scroll label="Customers">
            <table>
              <thead>
                <tr>
                  <th scope="col">Customer</th>
                  <th scope="col" className="number">
                    Balance
                  </th>
                  <th scope="col" className="number">
                    Version
                  </th>
                </tr>
              </thead>
              <tbody>
                {shown.map(({ name, balance, version }) => (
                  <tr key={name}>
                    <th scope="row">
                      <a href={linkTo('customers', name)}>{name}</a>
                    </th>
                    <td className="number">{amountText(balance)}</td>
                    <td className="number">{version}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
          <p role="status">
            {shown.length} customers{list.hasNextPage ? ', and there are more' : ''}
          </p>
          {list.hasNextPage ? (
            <button
              type="button"
              disabled={list.isFetchingNextPage}
              onClick={() => void list.fetchNextPage()}
            >
              Load more
            </button>
          ) : null}
        </>
      )}
    </>
  )
}
