-- The ledger that a team writes by hand on PostgreSQL: an account with its balance, a journal whose transaction ids are
-- unique, and one function for a credit or debit. `npm run bench -- ledger` measures it beside Jetledger.

create table account (
  client_id text primary key,
  balance bigint not null check (balance >= 0),
  version bigint not null
) with (fillfactor = 50); -- an update writes a new version of the row: half of each page is left free for it, so that the index needs no change

create table journal (
  transaction_id text primary key,
  client_id text not null,
  amount bigint not null,
  balance bigint not null,
  version bigint not null,
  at timestamptz not null default now()
);

-- Adds an amount to a balance; the amount of a debit is negative. Each transaction id has one effect: a call with an id that
-- is known changes nothing and gives the first answer again.
create function post(p_id text, p_client_id text, p_amount bigint, out new_balance bigint, out new_version bigint)
language plpgsql as $$
begin
  select balance, version into new_balance, new_version from journal where transaction_id = p_id;
  if found then return; end if;

  select balance, version into new_balance, new_version from account where client_id = p_client_id for update;
  if not found then raise exception 'UNKNOWN_CUSTOMER'; end if;
  new_balance := new_balance + p_amount;
  new_version := new_version + 1;
  if new_balance < 0 then raise exception 'INSUFFICIENT_FUNDS'; end if;

  insert into journal (transaction_id, client_id, amount, balance, version)
    values (p_id, p_client_id, p_amount, new_balance, new_version);
  update account set balance = new_balance, version = new_version where client_id = p_client_id;
end
$$;

-- Moves an amount from one customer to another: both balances change, or none does. The rows are locked in the order of their ids, so that two transfers never wait for
-- each other.
create function transfer(p_id text, p_from text, p_to text, p_amount bigint, out from_balance bigint, out to_balance bigint)
language plpgsql as $$
begin
  perform 1 from account where client_id in (p_from, p_to) order by client_id for update;
  select new_balance into from_balance from post(p_id || ':debit', p_from, -p_amount);
  select new_balance into to_balance from post(p_id || ':credit', p_to, p_amount);
end
$$;
