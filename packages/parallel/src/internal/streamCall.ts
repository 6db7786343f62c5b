/** Reads the options of a stream of outcomes, and makes the Stream. The only internal module that loads `effect/Stream`. */
import * as Settings from "@skein/core/Settings"
import * as Channel from "effect/Channel"
import type * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as gather from "./gather.ts"
import * as streamGather from "./streamGather.ts"

/** A call as it was read; the flow depends on `concurrency`, which an executor may have to fill in. */
export interface Call {
  readonly plan: gather.Plan
  readonly flow: streamGather.Flow
}

/** Reads the options; wrong ones throw at once. */
export const read = (where: string, options: object | undefined): Call => {
  const plan = gather.plan(where, options as never, ["nameOf", "order", "buffer"])
  const given = (options ?? {}) as { readonly onTimeout?: unknown; readonly order?: unknown; readonly buffer?: unknown }
  if (given.onTimeout !== undefined) {
    throw Settings.mustBe(where, "onTimeout", "left out, for a stream has given away what it had", given.onTimeout)
  }
  const { concurrency } = plan.settings
  const buffer = given.buffer === undefined ? concurrency : (given.buffer as number)
  if (buffer !== concurrency && !(Number.isSafeInteger(buffer) && buffer >= 0)) {
    throw Settings.mustBe(where, "buffer", "a whole number of at least 0", buffer)
  }
  return { plan, flow: { order: Settings.oneOf(where, "order", given.order as never, ["completion", "input"]), buffer } }
}

/** A stream that starts its call as `begin` says. */
export const make = (begin: streamGather.Begin<unknown, unknown>, work: gather.Work<any, any, any>): Stream.Stream<any, any, any> =>
  Stream.fromChannel(
    Channel.fromTransformBracket(
      (_upstream, _scope, scope) =>
        streamGather.open(begin, work, scope) as Effect.Effect<Pull.Pull<readonly [unknown, ...Array<unknown>], never>>
    )
  )
