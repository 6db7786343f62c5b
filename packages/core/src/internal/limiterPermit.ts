/** Runs an effect while it holds permits: one frame on the fiber's stack that is there before anything is taken. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { type AnyFiber, Current, noteWait, type Wait } from "./lineage.ts"
import { release, request } from "./limiterRequest.ts"
import { type LimiterCore, Ticket } from "./limiterState.ts"
import { limiterText } from "./waitGraph.ts"

type AnyEffect = Effect.Effect<unknown, unknown, unknown>

/** A ticket with the effect that waits for it, and the fiber's context before and while it runs. */
class PermitTicket extends Ticket {
  readonly effect: AnyEffect
  outside: Context.Context<never> | undefined = undefined
  inside: Context.Context<never> | undefined = undefined

  constructor(core: LimiterCore, fiber: AnyFiber, weight: number, level: 1 | 2 | 3, name: string | undefined, effect: AnyEffect) {
    super(core, fiber, Context.get(fiber.context, Current), weight, level, name, ignore)
    this.effect = effect
  }

  get ownFiber(): boolean {
    return true
  }
}

const ignore = (): void => {}

/**
 * Runs `effect` with `weight` permits.
 *
 * The frame comes first and the permits are taken inside it. The runtime may yield, or interrupt the fiber, between any two primitives: a
 * permit taken before its release is installed is lost there (Effect#6081, #6910, #8391, kotlinx#1477). The frame gives up whatever the
 * ticket is at that moment, so it needs no mask: not yet asked, waiting, granted but not yet woken, running.
 */
export const withPermits = <A, E, R>(
  core: LimiterCore,
  effect: Effect.Effect<A, E, R>,
  weight: number,
  level: 1 | 2 | 3,
  name: string | undefined
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const ticket = new PermitTicket(core, fiber, weight, level, name, effect)
    // The handler gives no effect, so it runs in the very step in which the frame is left. The third argument (`interruptible`) must stay away: an interrupted
    // fiber that is interruptible skips such a frame.
    return Effect.onExitPrimitive(
      Effect.suspend(() => start(ticket)),
      () => end(ticket)
    )
  }) as Effect.Effect<A, E, R>

const start = (ticket: PermitTicket): AnyEffect => {
  request(ticket)
  if (ticket.state !== "waiting") return proceed(ticket)
  return Effect.callback<unknown, unknown, unknown>((resume) => {
    // The fiber may have yielded before it came here, and been served in the meantime.
    if (ticket.state !== "waiting") return resume(proceed(ticket))
    // What it waits for is described only when somebody looks: a dump, or the simulator.
    if (ticket.parent !== undefined) ticket.endWait = noteWait(ticket.fiber, ticket.parent, () => waitOf(ticket))
    // No finalizer here: the frame takes an interrupted waiter out of the line.
    ticket.onSettled = () => resume(proceed(ticket))
  })
}

/** What comes after the wait. A ticket that was released in the meantime belongs to a fiber that is being interrupted: it does not listen. */
const proceed = (ticket: PermitTicket): AnyEffect => {
  if (ticket.state === "granted") {
    enter(ticket)
    return ticket.effect
  }
  return ticket.state === "refused" ? ticket.core.behaviour.refusal(ticket.error) : Effect.interrupt
}

/** Puts the seat into the fiber's context, where descendants find it. More permits for the same fiber only make its seat larger. */
const enter = (ticket: PermitTicket): void => {
  if (ticket.extra || ticket.inside !== undefined) return
  ticket.outside = ticket.fiber.context
  ticket.inside = Context.add(ticket.outside, Current, ticket)
  ticket.fiber.setContext(ticket.inside)
}

const end = (ticket: PermitTicket): undefined => {
  const { fiber, inside } = ticket
  if (inside !== undefined) {
    const { context } = fiber
    if (context === inside) fiber.setContext(ticket.outside!)
    // The effect changed its context and left it so (a service updated for the rest of a scope): only our part is taken back.
    else if (Context.get(context, Current) === ticket) fiber.setContext(Context.add(context, Current, ticket.parent))
    ticket.inside = ticket.outside = undefined
  }
  release(ticket)
}

const waitOf = (ticket: Ticket): Wait => {
  const { core, weight } = ticket
  const what = weight === 1 ? "a permit" : `${weight} permits`
  const state = core.paused ? "paused" : `${core.used} of ${core.permits} taken`
  return {
    what: `${what} of ${limiterText(core)} (${state})`,
    holders: () => {
      const fibers: Array<AnyFiber> = []
      for (let t = core.holders.head; t !== undefined; t = t.next) fibers.push(t.fiber)
      return fibers
    }
  }
}
