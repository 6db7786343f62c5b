/** Keeps long loops over runs from holding the event loop. */
import { macrotask } from "./outside.ts"

/** Hands the event loop a turn now and then: timeouts of a test runner and interrupts by its user must get through. */
export const breather = (): (() => Promise<void> | undefined) => {
  let last = performance.now()
  let calls = 0
  return () => {
    if ((++calls & 15) !== 0 || performance.now() - last < 50) return undefined
    return macrotask().then(() => {
      last = performance.now()
    })
  }
}
