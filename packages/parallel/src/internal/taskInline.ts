/**
 * Runs tasks where they are called: effects in the calling fiber, handlers in the calling thread.
 *
 * What other flavours refuse is refused here too, by a look at payload and result that copies nothing where that can be avoided.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Answer, type Call, type Host, type HostHandle, TaskRunnerError } from "../TaskRunner.ts"
import * as cause from "./taskCause.ts"
import type { Codec } from "./taskCodec.ts"
import type { Hosted } from "./taskHost.ts"

const fail = (task: string, reason: TaskRunnerError["reason"]): Effect.Effect<never, TaskRunnerError> =>
  Effect.fail(new TaskRunnerError({ task, flavour: "inline", reason }))

type Execute = Host["execute"]

/** One call of an effect task. */
export const ofEffect = (task: Hosted, payload: unknown): Effect.Effect<unknown, unknown> => {
  const misfit = task.payload.check(payload)
  if (misfit !== undefined) return fail(task.name, { _tag: "Rejected", message: misfit })
  const effect = task.run(payload)
  const run = task.layer === undefined ? (effect as Effect.Effect<unknown, unknown>) : task.layer.provide(effect)
  // A finalizer, so that nothing follows the task: a value that it gives although it was asked to stop is kept (law 9).
  return Effect.onExitPrimitive(run, (exit) => {
    if (Exit.isFailure(exit)) return misfitOf(task.name, exit.cause, task.error)
    const misfit = task.success.check(exit.value)
    return misfit === undefined ? undefined : fail(task.name, { _tag: "Unserializable", message: misfit })
  })
}

/** A typed error that could not travel is a defect in other flavours. The defect of a finalizer makes one of it here, too, and says why. */
const misfitOf = (task: string, failed: Cause.Cause<unknown>, errors: Codec): Effect.Effect<never> | undefined => {
  for (const reason of failed.reasons) {
    if (reason._tag !== "Fail" || reason.error instanceof TaskRunnerError) continue
    const misfit = errors.check(reason.error)
    if (misfit !== undefined) return Effect.die(cause.misfitOf(task, reason.error, misfit))
  }
  return undefined
}

/** Carries calls of a handler out in this thread. Interrupting one aborts its signal and waits for the function. */
export const ofHandler = (task: string, load: () => Promise<Execute>): ((call: Call) => Effect.Effect<Answer, TaskRunnerError>) => {
  let loaded: Execute | undefined
  let loading: Promise<Execute> | undefined
  const get = (module: string): Effect.Effect<Execute, TaskRunnerError> =>
    Effect.tryPromise({
      try: () => (loading ??= load()),
      catch: (error) => {
        // The next call asks again.
        loading = undefined
        const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
        return new TaskRunnerError({ task, flavour: "inline", reason: { _tag: "ModuleNotFound", module, message } })
      }
    })
  return (call) =>
    loaded !== undefined
      ? carryOut(loaded, call)
      : Effect.flatMap(get(call.task.module), (execute) => {
          loaded = execute
          return carryOut(execute, call)
        })
}

const carryOut = (execute: Execute, call: Call): Effect.Effect<Answer> =>
  Effect.callback<Answer>((resume) => {
    let ended: (() => void) | undefined
    let settled = false
    call.onWaits?.(false)
    const handle: HostHandle = execute(call.payload, call.meta, {
      settle: (answer) => {
        settled = true
        if (ended === undefined) return resume(Effect.succeed(answer))
        call.onLate?.(answer)
        ended()
      },
      send: call.onMessage
    })
    call.onOpen?.(handle.receive.bind(handle))
    return Effect.callback<void>((done) => {
      if (settled) return done(Effect.void)
      ended = () => done(Effect.void)
      handle.interrupt()
    })
  })
