/** Engines that die: what the tests of stores share. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Engine from "../src/Engine.ts"
import { type JobStore, StoreError } from "../src/JobStore.ts"
import * as fixtures from "./fixtures/jobTasks.ts"

/** What the dead write. An engine that hears of it starts nothing more, as the dead do. */
const gone = new StoreError({ store: "gone", reason: { _tag: "Fenced" } })

/** A process with an engine on a store. When it is killed nothing that it does is kept any more, and the store is free. */
const inProcess = <A, E>(
  store: JobStore,
  body: (engine: Engine.Engine) => Effect.Effect<A, E, Scope.Scope>,
  options: Engine.Options = {}
): { readonly run: Effect.Effect<A, E | StoreError>; readonly kill: Effect.Effect<void> } => {
  const owned = Scope.makeUnsafe()
  let dead = false
  const mortal: JobStore = {
    ...store,
    own: Effect.map(Scope.provide(store.own, owned), (owner) => ({
      ...owner,
      append: (changes) => Effect.suspend(() => (dead ? Effect.fail(gone) : owner.append(changes)))
    }))
  }
  const run = Effect.scoped(Effect.flatMap(Engine.make({ tasks: fixtures.tasks, ...options, store: mortal }), body))
  return {
    run: Effect.onExit(run, () => (dead ? Effect.void : Effect.suspend(() => Scope.close(owned, Exit.void)))),
    kill: Effect.suspend(() => {
      dead = true
      return Scope.close(owned, Exit.void)
    })
  }
}

/** Runs `body` in a process that ends by itself. */
export const session = <A, E>(
  store: JobStore,
  body: (engine: Engine.Engine) => Effect.Effect<A, E, Scope.Scope>,
  options?: Engine.Options
): Effect.Effect<A, E | StoreError> => inProcess(store, body, options).run

/** Runs `body` in a process that is killed after so long; it may go on for ever. */
export const killed = <E>(
  store: JobStore,
  millis: number,
  body: (engine: Engine.Engine) => Effect.Effect<unknown, E, Scope.Scope>,
  options?: Engine.Options
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const process = inProcess(store, (engine) => Effect.andThen(body(engine), Effect.never), options)
    const fiber = yield* Effect.forkChild(process.run)
    yield* Effect.sleep(millis)
    yield* process.kill
    yield* Fiber.interrupt(fiber)
  }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
