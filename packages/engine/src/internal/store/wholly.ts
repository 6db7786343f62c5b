/** Acquires several resources as one. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/** What was acquired before something failed is released at once, and not when the scope closes: who tries again would meet it. */
export const wholly = <A, E, R>(acquire: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.flatMap(Effect.scope, Scope.fork), (own) =>
      Effect.onError(restore(Scope.provide(acquire, own)), (cause) => Scope.close(own, Exit.failCause(cause)))
    )
  )
