/** The work of stream jobs, and what their runs are read and written by. */
import * as Settings from "@skein/core/Settings"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as StreamJob from "../../StreamJob.ts"
import { Description, type Given, known as jobOptions } from "../description.ts"
import { Run } from "../run.ts"
import type { Work } from "../work.ts"
import { type Feed, feedOf, type FeedSettings, runOf } from "./feed.ts"

const where = "StreamJob.make"
const own = ["input", "run", "collect", "buffer", "inbox", "onUnread", "patience"] as const
/** An element that was given out cannot be taken back, so there is one attempt. */
const options = [...own, ...jobOptions.filter((option) => option !== "retry" && option !== "attemptTimeout")]

class StreamWork implements Work {
  readonly portable = "its results are a stream of this process"
  readonly onLost = "fail"
  readonly settings: FeedSettings
  private readonly run: (input: unknown, inbox: StreamJob.Inbox<unknown>) => unknown

  constructor(run: StreamWork["run"], settings: FeedSettings) {
    this.run = run
    this.settings = settings
  }

  readonly start = (input: unknown): Effect.Effect<unknown, unknown> =>
    Effect.withFiber((fiber) => {
      const feed = feedOf(runOf(fiber), this.settings)
      const stream = this.run(input, inboxOf(feed))
      if (!Stream.isStream(stream)) throw new TypeError(Settings.mustBe(where, "run", "a function that gives a Stream", stream).message)
      return feed.produce(stream as Stream.Stream<unknown, unknown>)
    })
}

const inboxOf = ({ take }: Feed): StreamJob.Inbox<unknown> => ({
  take,
  stream: Stream.fromPull(Effect.succeed(Effect.map(take, (message) => [message] as const)))
})

const count: StreamJob.Fold<unknown, unknown> = { initial: () => 0, step: (n) => (n as number) + 1 }

const foldOf = (collect: unknown): Pick<FeedSettings, "initial" | "step"> => {
  if (collect === undefined) return count
  const { initial, step } = (collect ?? {}) as { readonly [K in "initial" | "step"]?: unknown }
  if (typeof initial === "function" && typeof step === "function")
    return { initial: initial as () => unknown, step: step as FeedSettings["step"] }
  throw new TypeError(Settings.mustBe(where, "collect", "two functions, initial and step", collect).message)
}

export const make = (name: string, given: Given & { readonly [K in (typeof own)[number]]?: unknown }): Description => {
  Settings.known(where, given, options)
  const { buffer, collect, inbox, input, onUnread, patience, run, ...rest } = given
  const isStream = Stream.isStream(run)
  if (typeof run !== "function" && !isStream)
    throw new TypeError(Settings.mustBe(where, "run", "a Stream or a function that gives one", run).message)
  if (input !== undefined && isStream) throw new TypeError(Settings.mustBe(where, "run", "a function of the input", run).message)
  const settings: FeedSettings = {
    buffer: buffer === undefined ? 16 : Settings.whole(where, "buffer", buffer),
    inbox: inbox === undefined ? 16 : Settings.whole(where, "inbox", inbox),
    onUnread: Settings.oneOf(where, "onUnread", onUnread, ["stop", "wait", "drop"]),
    patience: patience === undefined ? 60_000 : Settings.positiveMillis(where, "patience", patience),
    ...foldOf(collect)
  }
  const f = run as (...args: ReadonlyArray<unknown>) => unknown
  const start = isStream ? () => run : input === undefined ? (_: unknown, inbox: unknown) => f(inbox) : f
  return new Description(where, name, new StreamWork(start, settings), input, rest)
}

export const of = <E>(
  where: string,
  job: unknown,
  handle: unknown,
  closed: (run: Run) => E
): StreamJob.Output<unknown, unknown, unknown, unknown> => {
  if (!(job instanceof Description && job.work instanceof StreamWork)) {
    throw new TypeError(Settings.mustBe(where, "job", "made by StreamJob.make", job).message)
  }
  // By its key a job may have got the handle of another one.
  if (!(handle instanceof Run && handle.slot.job.work instanceof StreamWork)) {
    throw new TypeError(Settings.mustBe(where, "handle", "the handle of a stream job", handle).message)
  }
  const run = handle
  const feed = feedOf(run, handle.slot.job.work.settings)
  const attach = Effect.withFiber((fiber) => Effect.sync(() => feed.attach(fiber)))
  return {
    job: run as never,
    stream: Stream.scoped(
      Stream.fromPull(
        Effect.as(
          Effect.acquireRelease(attach, () => feed.detach),
          feed.pull
        )
      )
    ) as Stream.Stream<unknown, never>,
    send: (message) => feed.send(message, () => closed(run)) as Effect.Effect<void, never>,
    endInbox: Effect.sync(() => feed.endInbox()),
    counts: () => ({ given: feed.given, waiting: feed.waiting, dropped: feed.dropped, read: feed.given - feed.waiting - feed.dropped })
  }
}
