/** Which URLs the program sends secrets to, or takes keys from. */

const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])$/

/** Whether a URL leads over TLS, or to this machine, and holds no login. */
export const isSafeUrl = (text: string): boolean => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname))
}
