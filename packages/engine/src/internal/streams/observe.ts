/** Watches runs: each stream subscribes at its first pull and unsubscribes when it is over. */
import * as Settings from "@skein/core/Settings"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Engine from "../../Engine.ts"
import type { Finished } from "../../EngineStream.ts"
import type * as Job from "../../Job.ts"
import { suspend } from "../inside.ts"
import { Run } from "../run.ts"
import { Mailbox } from "./mailbox.ts"
import { matcher, progressOf } from "./runViews.ts"

/** Makes a stream of what is acquired at its first pull and released when it is over. */
const watching = <W, A>(
  watch: Effect.Effect<W>,
  unwatch: (watched: W) => void,
  pull: (watched: W) => Effect.Effect<readonly [A, ...Array<A>], Cause.Done>
): Stream.Stream<A> =>
  Stream.scoped(
    Stream.fromPull(
      Effect.map(
        Effect.acquireRelease(watch, (watched) => Effect.sync(() => unwatch(watched))),
        pull
      )
    )
  )

const runOf = (where: string, option: string, handle: unknown): Run => {
  if (handle instanceof Run) return handle
  throw new TypeError(Settings.mustBe(where, option, "the handle of a job", handle).message)
}

export const ofJob = (where: string, handle: unknown): Stream.Stream<Job.Run> => {
  const run = runOf(where, "handle", handle)
  const watch = Effect.sync(() => {
    // Not bounded: what a run can be told of is bounded by its attempts.
    const box = new Mailbox<Job.Run>(Infinity)
    let at = -1
    const see = (view: Job.Run): void => {
      const progress = progressOf(view)
      if (progress <= at) return
      at = progress
      box.offer(view)
      if (progress === Infinity) box.end()
    }
    const unsubscribe = run.subscribe(see)
    see(run.run)
    return { box, unsubscribe }
  })
  return watching(
    watch,
    ({ unsubscribe }) => unsubscribe(),
    ({ box }) => {
      const wait = Effect.withFiber<void>((fiber) => suspend(run.engine, fiber, run, box.isReady, box.onReady))
      const next: Effect.Effect<readonly [Job.Run, ...Array<Job.Run>], Cause.Done> = Effect.suspend(() => {
        const views = box.takeAll()
        if (views !== undefined) return Effect.succeed(views)
        return box.isOver ? Cause.done() : Effect.andThen(wait, next)
      })
      return next
    }
  )
}

const boxOf = (where: string, buffer: unknown, onFull: unknown): (() => Mailbox<Job.Run>) => {
  const capacity = buffer === undefined ? 1_024 : Settings.whole(where, "buffer", buffer)
  const whenFull = Settings.oneOf(where, "onFull", onFull, ["slide", "fail"]) === "fail" ? "refuse" : "slide"
  return () => new Mailbox(capacity, whenFull)
}

export const changes = <E>(
  where: string,
  engine: Engine.Engine,
  options: Engine.Filter & { readonly from?: unknown; readonly buffer?: unknown; readonly onFull?: unknown },
  tooMany: (buffer: number) => E
): Stream.Stream<Job.Run, E> => {
  Settings.known(where, options, ["name", "state", "labels", "key", "from", "buffer", "onFull"])
  const matches = matcher(where, options)
  const makeBox = boxOf(where, options.buffer, options.onFull)
  const isFromNow = Settings.oneOf(where, "from", options.from, ["now", "start"]) === "now"
  const fails = options.onFull === "fail"
  const watch = Effect.suspend(() => {
    const box = makeBox()
    /** How far the runs were that are given before the changes; an entry goes when its run is told to be farther. */
    const given = new Map<string, number>()
    /** What was told between the subscription and the list. */
    let early: Array<Job.Run> | undefined = isFromNow ? undefined : []
    const see = (view: Job.Run): void => {
      if (early !== undefined) return void early.push(view)
      const before = given.get(view.id)
      if (before !== undefined) {
        if (progressOf(view) <= before) return
        given.delete(view.id)
      }
      if (matches(view)) box.offer(view)
    }
    const watched = { box, unsubscribe: engine.subscribe(see), first: [] as ReadonlyArray<Job.Run>, warned: false }
    if (isFromNow) return Effect.succeed(watched)
    return Effect.map(engine.list(), (runs) => {
      for (const run of runs) given.set(run.id, progressOf(run))
      watched.first = runs.filter(matches)
      const views = early!
      early = undefined
      for (const view of views) see(view)
      return watched
    })
  })
  return Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(watch, ({ unsubscribe }) => Effect.sync(unsubscribe)),
      (watched) => {
        const { box } = watched
        const next: Effect.Effect<readonly [Job.Run, ...Array<Job.Run>], E | Cause.Done> = Effect.suspend(() => {
          if (watched.first.length > 0) {
            const { first } = watched
            watched.first = []
            return Effect.succeed(first as readonly [Job.Run, ...Array<Job.Run>])
          }
          const views = box.takeAll()
          if (views === undefined) {
            if (!box.isOver) return Effect.andThen(box.ready, next)
            return fails && box.lost > 0 ? Effect.fail(tooMany(box.capacity)) : Cause.done()
          }
          if (fails || box.lost === 0 || watched.warned) return Effect.succeed(views)
          watched.warned = true
          return Effect.as(
            Effect.logWarning(`skein: a reader of an engine's changes is slow, and misses ${box.lost} or more that it had no room for`),
            views
          )
        })
        const close = Effect.forkScoped(
          Effect.andThen(
            engine.awaitClosed,
            Effect.sync(() => box.end())
          )
        )
        return Stream.fromPull(Effect.as(close, next))
      }
    )
  ).pipe(Stream.scoped)
}

export const outcomes = <H extends Job.Handle<unknown, unknown>>(where: string, handles: Iterable<H>): Stream.Stream<Finished<H>> => {
  if (typeof (handles as unknown as { [Symbol.iterator]?: unknown })?.[Symbol.iterator] !== "function")
    throw new TypeError(Settings.mustBe(where, "handles", "handles of jobs", handles).message)
  const runs = [...handles].map((handle, i) => runOf(where, `handles[${i}]`, handle))
  const watch = Effect.sync(() => {
    const box = new Mailbox<Finished<H>>(runs.length)
    const wakes = runs.map((run) => {
      const wake = (): void => box.offer({ handle: run as unknown as H, end: run.end } as Finished<H>)
      if (run.told) wake()
      else (run.waiters ??= new Set()).add(wake)
      return wake
    })
    return { box, wakes, left: runs.length, first: 0 }
  })
  return watching(
    watch,
    ({ wakes }) => wakes.forEach((wake, i) => runs[i]!.waiters?.delete(wake)),
    (watched) => {
      const { box } = watched
      const wait = Effect.withFiber<void>((fiber) => {
        while (runs[watched.first]!.told) watched.first++
        const target = runs[watched.first]!
        // One of them stands for all: a job that waits in a circle for this reader is found at the latest when no other is left.
        return suspend(target.engine, fiber, target, box.isReady, box.onReady)
      })
      const next: Effect.Effect<readonly [Finished<H>, ...Array<Finished<H>>], Cause.Done> = Effect.suspend(() => {
        const finished = box.takeAll()
        if (finished === undefined) return watched.left === 0 ? Cause.done() : Effect.andThen(wait, next)
        watched.left -= finished.length
        return Effect.succeed(finished)
      })
      return next
    }
  )
}
