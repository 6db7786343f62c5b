/** Waits until an app is ready. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { answers, statusOf, targetsOf } from "./address.ts"
import { Late, PortTaken, type Reason } from "./failure.ts"
import type { Launched } from "./launch.ts"
import { available, type Listener, listeners, ownersOf, reached, reaches } from "./listeners.ts"
import type { Spec } from "./options.ts"

/** What is known of the port: which it is, unless the app chooses it and has not said. */
export interface Port {
  readonly now: () => number | undefined
  /** Who listened before the app started. */
  readonly before: ReadonlySet<string>
}

const firstPause = 5 // ms
const longestPause = 100 // ms

/** Gives the port that it serves. */
export const ready = (spec: Spec, port: Port, app: Launched): Effect.Effect<number, Reason> => {
  const loop = poll(app, look(spec, port, app))
  if (spec.within === Infinity) return loop
  return Effect.raceFirst(loop, late(spec, port, app))
}

const late = (spec: Spec, port: Port, { output }: Launched): Effect.Effect<never, Late> =>
  Effect.callback((resume) => {
    const timer = setTimeout(
      () => {
        const at = port.now()
        const { ready } = spec
        const place = at === undefined ? "no port" : `port ${at} of ${spec.ip}`
        const missing =
          typeof ready === "string" || (at === undefined && "path" in ready)
            ? at === undefined
              ? "no port that answers"
              : `no answer at ${place}`
            : "path" in ready
              ? `no good answer to GET ${ready.path} at ${place}`
              : `no line that matches ${String(ready.line)}`
        resume(Effect.fail(new Late({ after: Duration.millis(spec.within), missing, ...output.tails })))
      },
      Math.min(spec.within, longestTimer)
    )
    return Effect.sync(() => clearTimeout(timer))
  })

/** Node's timers take no more: in milliseconds. */
const longestTimer = 2 ** 31 - 1

/** Looks again and again, less and less often, and at once when it wrote something: a server says so when it listens. */
const poll = (app: Launched, look: Effect.Effect<number | undefined, Reason>): Effect.Effect<number, Reason> =>
  Effect.gen(function* () {
    for (let pause = firstPause; ; pause = Math.min(1.5 * pause, longestPause)) {
      const found = yield* look
      if (found !== undefined) return found
      yield* outputOr(app, pause)
    }
  })

const outputOr = ({ output }: Launched, pause: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const done = (): void => resume(Effect.void)
    let timer = setTimeout(done, pause)
    output.onOutput = () => {
      // Not in this turn: what it writes may be much.
      output.onOutput = () => {}
      clearTimeout(timer)
      timer = setTimeout(done, Math.min(pause, firstPause))
    }
    return Effect.sync(() => {
      clearTimeout(timer)
      output.onOutput = () => {}
    })
  })

const look = (spec: Spec, port: Port, app: Launched): Effect.Effect<number | undefined, Reason> => {
  const { ready } = spec
  if (typeof ready === "object" && "line" in ready) return Effect.sync(() => afterLine(port, app))
  let strangers = 0
  return Effect.suspend(() => {
    const at = port.now()
    const candidates = at === undefined ? portsOf(spec.ip, port.before, app) : [at]
    return Effect.gen(function* () {
      for (const candidate of candidates) {
        if (!(yield* serves(spec, candidate))) continue
        if (at === undefined || spec.listener === "any" || !available) return candidate
        const stranger = strangerAt(spec.ip, candidate, app)
        if (stranger === undefined) return candidate
        // Seen twice, it is no process that was just becoming another program.
        if (++strangers > 1) return yield* Effect.fail(new PortTaken({ ip: spec.ip, port: candidate, by: stranger }))
      }
      return undefined
    })
  })
}

/** The port that the line names, the one that is known, or the app's newest listening socket. */
const afterLine = (port: Port, app: Launched): number | undefined => {
  const { match } = app.output
  if (match === undefined) return undefined
  const at = port.now()
  if (at !== undefined) return at
  const named = Number(match.groups?.["port"] ?? match[1])
  if (Number.isInteger(named) && named > 0 && named < 65_536) return named
  return portsOf(undefined, port.before, app)[0]
}

const serves = (spec: Spec, port: number): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const { ip, ready, scheme } = spec
    for (const target of targetsOf(ip)) {
      if (typeof ready === "string" || !("path" in ready)) {
        if (yield* answers(target, port)) return true
        continue
      }
      const status = yield* statusOf(scheme as "http" | "https", target, port, ready.path)
      if (status !== undefined && (ready.status === undefined ? status < 400 : ready.status(status))) return true
    }
    return false
  })

/** The ports that the app chose, those first that are on its address. */
const portsOf = (ip: string | undefined, before: ReadonlySet<string>, app: Launched): ReadonlyArray<number> => {
  if (!available || app.form === "function") return []
  const fresh = listeners().filter(({ inode }) => !before.has(inode))
  if (fresh.length === 0) return []
  const owners = ownersOf(fresh, app.family)
  const own = fresh.filter((_, index) => owners[index]!.of === "family")
  const fits = (listener: Listener): boolean => ip === undefined || targetsOf(ip).some((target) => reaches(listener, target))
  return [...new Set(own.filter(fits).map(({ port }) => port))]
}

/** Who listens there, if it is not the app. */
const strangerAt = (ip: string, port: number, app: Launched): number | undefined => {
  const found = targetsOf(ip).flatMap((target) => reached(target, port))
  return ownersOf(found, app.family).find((owner) => owner.of === "others")?.pid
}

/** Who has a port, where that can be seen. */
export const holderOf = (ip: string, port: number): number | undefined => {
  if (!available) return undefined
  const found = targetsOf(ip).flatMap((target) => reached(target, port))
  return ownersOf(found, { root: -1, tags: new Set() }).find((owner) => owner.of === "others")?.pid
}
