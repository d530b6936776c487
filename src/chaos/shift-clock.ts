/**
 * Gives a process a wrong wall clock: `Date` is shifted, timers and `performance` are not, as on a machine whose clock was
 * never set. `node --import "<this file>?ms=-3600000" ...` loads it before the program.
 */

const by_ms = Number(new URL(import.meta.url).searchParams.get('ms') ?? 0)
const TrueDate = Date
const now = (): number => TrueDate.now() + by_ms

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, given: readonly unknown[], new_target) =>
    Reflect.construct(target, given.length === 0 ? [now()] : given, new_target),
  // called as a function, `Date` returns the time as text and ignores its arguments
  apply: () => new TrueDate(now()).toString(),
  get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
})
