/** The frame of the console: who is signed in, the way between the pages, and the page itself. */

import { type ReactNode, useState } from 'react'
import { type Caller, type Scope, useCaller } from './ledger.js'
import { CustomerPage } from './pages/customer.js'
import { CustomersPage } from './pages/customers.js'
import { LivePage } from './pages/live.js'
import { OperationsPage } from './pages/operations.js'
import { OverviewPage } from './pages/overview.js'
import { TransactionPage } from './pages/transaction.js'
import { Field, Problem, Waiting } from './parts.js'
import { linkTo, type Place, usePlace } from './route.js'
import { keepToken, readToken } from './session.js'

/** The pages, with the scope that each needs: what a scope forbids is not shown, and the gateway refuses it. */
const PAGES: readonly { readonly page: string; readonly title: string; readonly scope: Scope }[] = [
  { page: 'overview', title: 'Overview', scope: 'read' },
  { page: 'customers', title: 'Customers', scope: 'read' },
  { page: 'transaction', title: 'Transaction', scope: 'read' },
  { page: 'live', title: 'Live', scope: 'read' },
  { page: 'operations', title: 'Operations', scope: 'operate' },
]

const pageOf = ({ page, id }: Place, caller: Caller): ReactNode => {
  switch (page) {
    case 'overview':
      return <OverviewPage />
    case 'customers':
      return id === undefined ? <CustomersPage /> : <CustomerPage key={id} id={id} caller={caller} />
    case 'transaction':
      return <TransactionPage key={id} id={id} caller={caller} />
    case 'live':
      return <LivePage />
    case 'operations':
      return <OperationsPage />
    default:
      return <p>There is no such page.</p>
  }
}

const SignIn = ({ onToken }: { readonly onToken: (token: string) => void }) => {
  const [token, setToken] = useState('')
  return (
    <form
      className="panel narrow"
      onSubmit={event => {
        event.preventDefault()
        onToken(token.trim())
      }}
    >
      <h1>Sign in</h1>
      <p>This gateway wants a token. It stays in this browser tab, and is gone when the tab is closed.</p>
      {readToken() === '' ? null : (
        <p className="problem" role="alert">
          The gateway does not know this token, or it has expired.
        </p>
      )}
      <Field label="Token" type="password" value={token} onChange={setToken} required />
      <button type="submit">Sign in</button>
    </form>
  )
}

const Frame = ({ caller, onSignOut }: { readonly caller: Caller; readonly onSignOut: () => void }) => {
  const place = usePlace()
  const allowed = PAGES.filter(({ scope }) => caller.scopes.includes(scope))
  const current = allowed.find(({ page }) => page === place.page)
  return (
    <>
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header>
        <p className="name">Jetledger</p>
        <nav aria-label="Pages">
          <ul>
            {allowed.map(({ page, title }) => (
              <li key={page}>
                <a href={linkTo(page)} aria-current={page === place.page ? 'page' : undefined}>
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        {caller.has_tokens ? (
          <p className="who">
            {caller.name}{' '}
            <button type="button" className="quiet" onClick={onSignOut}>
              Sign out
            </button>
          </p>
        ) : null}
      </header>
      <main id="content" tabIndex={-1}>
        {current === undefined ? <p>This token does not allow this page.</p> : pageOf(place, caller)}
      </main>
    </>
  )
}

export const App = () => {
  const [, setSignedIn] = useState(0)
  const caller = useCaller()
  const setToken = (token: string): void => {
    keepToken(token)
    setSignedIn(times => times + 1)
  }
  if (caller.data !== undefined && caller.data !== null)
    return <Frame caller={caller.data} onSignOut={() => setToken('')} />
  return (
    <main>
      {caller.isPending ? <Waiting what="who you are" /> : null}
      <Problem error={caller.error} />
      {caller.isSuccess ? <SignIn onToken={setToken} /> : null}
    </main>
  )
}
