/** Finds a customer: by id, or in the list of all of them. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { get } from '../api.js'
import { amountText } from '../format.js'
import type { CustomerList } from '../ledger.js'
import { Field, Problem, Scroll, Waiting } from '../parts.js'
import { goTo, linkTo } from '../route.js'

const PAGE = 100

export const CustomersPage = () => {
  const [id, setId] = useState('')
  const list = useInfiniteQuery({
    queryKey: ['customers'],
    initialPageParam: '',
    queryFn: ({ pageParam }) => get<CustomerList>('/v1/customers', { limit: PAGE, cursor: pageParam }),
    getNextPageParam: ({ cursor }) => cursor,
  })
  const all = list.data?.pages.flatMap(({ customers }) => customers) ?? []
  const shown = all.filter(({ client_id }) => client_id.startsWith(id.trim()))
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
            hint="Enter opens that customer; the list shows the ids that begin so, as far as it is loaded."
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
            {shown.length} of {all.length} loaded customers
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
