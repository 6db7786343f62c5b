/** What the tests of `@skein/parallel/promise` share. Real promises and timers: what the tests assert is order and outcome, never how long something took. */
import { setImmediate as turn } from "node:timers/promises"
import { afterAll, beforeAll, expect } from "vitest"

/** No promise of ours is ever rejected without a handler: each file is watched from its first test to its last. */
export const watchRejections = (): void => {
  const unhandled: Array<unknown> = []
  const note = (error: unknown): void => void unhandled.push(error)
  beforeAll(() => void process.on("unhandledRejection", note))
  afterAll(async () => {
    await turns(5)
    process.off("unhandledRejection", note)
    expect(unhandled).toEqual([])
  })
}

/** What a promise rejects with, which it must. */
export const rejection = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    (value) => {
      throw new Error(`it resolved with ${String(value)}`)
    },
    (error: unknown) => error
  )

/** A promise that is settled by hand. */
export const gate = <A = void>(): PromiseWithResolvers<A> => Promise.withResolvers<A>()

export const turns = async (n: number): Promise<void> => {
  for (let i = 0; i < n; i++) await turn()
}

/** Runs until it is asked to stop, and then obeys. */
export const forEver = ({ signal }: { readonly signal: AbortSignal }): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }))

export const throws =
  (error: unknown) =>
  (..._: ReadonlyArray<unknown>): never => {
    throw error
  }

/** A time limit for calls whose tasks must have started before it is over: long beside what a machine under load may take between two lines. */
export const soon = 400
