/** Finds a customer: by id, or in the list of all of them. */

import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useDeferredValue, useState } from 'react'
import { get } from '../api.js'
import { amountText } from '../format.js'
import type { CustomerList } from '../ledger.js'
import { Field, Problem, Scroll, Waiting } from '../parts.js'
import { goTo, linkTo } from '../route.js'

const PAGE = 100

export const CustomersPage = () => {
  const [id, setId] = useState('')
  const prefix = useDeferredValue(id.trim())
  const list = useInfiniteQuery({
    queryKey: ['customers', prefix],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      get<CustomerList>('/v1/customers', { limit: PAGE, cursor: pageParam, prefix }, signal),
    getNextPageParam: ({ cursor }) => cursor,
    // the list of before stays until the next one is there
    placeholderData: keepPreviousData,
  })
  const shown = list.data?.pages.flatMap(({ customers }) => customers) ?? []
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
            hint="Enter opens that customer; the list shows the ids that begin so."
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
                {shown.map(({ client_id, balance, version }) => (
                  <tr key={client_id}>
                    <th scope="row">
                      <a href={linkTo('customers', client_id)}>{client_id}</a>
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
