/** Waits for what others do to a store. */
import type * as JobStore from "@skein/engine/JobStore"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type { Desk } from "./desk.ts"

/** How often somebody looks whether an engine is there. */
const patience = "2 seconds"

/** Looks again whenever the store may have changed, until there is an answer. Tells once when no engine is there that could bring it about, and again when one has come and gone. */
export const until = <A, E>(
  { say, store }: Pick<Desk, "say" | "store">,
  look: Effect.Effect<Option.Option<A>, E>
): Effect.Effect<A, E | JobStore.StoreError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const bell = yield* Queue.sliding<void>(1)
      // Before the first look, or what changes between the two would be missed.
      yield* store.watch(() => void Queue.offerUnsafe(bell, undefined))
      let owned = true
      for (;;) {
        const found = yield* look
        if (Option.isSome(found)) return found.value
        const before = owned
        owned = yield* store.isOwned
        if (before && !owned) yield* say(`no engine works on ${store.name}; skein jobs work runs what waits there`)
        yield* Effect.timeoutOption(Queue.take(bell), patience)
      }
    })
  )
