/** Runs effects as the engine runs those of a run: with their output in their context. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { provide, type RunOutput } from "../src/internal/output/outputs.ts"

export const inRun = <A, E, R>(output: RunOutput, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateContext(effect, (context: Context.Context<R>) => {
    const map = new Map(context.mapUnsafe)
    provide(map, output)
    return Context.makeUnsafe<R>(map)
  })
