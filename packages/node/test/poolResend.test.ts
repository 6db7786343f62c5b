import type * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { kind } from "../src/internal/pool/frame.ts"
import { Pool } from "../src/internal/pool/pool.ts"
import type { Listener } from "../src/internal/pool/seat.ts"
import { read } from "../src/internal/pool/settings.ts"

const task: TaskRunner.Definition = { name: "t", module: "file:///t.ts", export: "t", kind: "handler", main: false, idempotent: false }

/** A worker that does what the test says. It notes the last call that it has claimed in each slot, as real ones do. */
const scripted = () => {
  const sent: Array<readonly [call: number, slot: number]> = []
  const revoked: Array<number> = []
  const claimed = new Map<number, number>()
  let listener: Listener
  const frame = (kindOf: (typeof kind)[keyof typeof kind], [call, slot]: readonly [number, number], text = "1"): void => {
    listener.onFrame(kindOf, call, slot, 1, text, undefined)
    listener.onDrained()
  }
  return {
    sent,
    revoked,
    ready: () => frame(kind.ready, [0, 0]),
    claims: ([call, slot]: readonly [number, number]) => void claimed.set(slot, call),
    answers: (call: readonly [number, number]) => frame(kind.success, call),
    skips: (call: readonly [number, number]) => frame(kind.skipped, call, ""),
    dies: () => listener.onEnd({ exitCode: 1, signal: null, message: undefined }),
    start: (of: Listener) => {
      listener = of
      return {
        define: () => true,
        call: ({ id }: { readonly id: number }, slot: number) => sent.push([id, slot]) > 0,
        revoke: ({ id }: { readonly id: number }, slot: number) => claimed.get(slot) !== id && revoked.push(id) > 0,
        stateOf: ({ id }: { readonly id: number }, slot: number) => (claimed.get(slot) === id ? ("running" as const) : ("queued" as const)),
        interrupt: () => {},
        tell: () => {},
        end: () => listener.onEnd({ exitCode: 0, signal: null, message: undefined }),
        kill: () => listener.onEnd({ exitCode: 1, signal: null, message: undefined }),
        hold: () => {},
        drain: () => {}
      }
    }
  }
}

const turns = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1))
}

// What a worker had noted of a call that was taken back was once read as if the same call, sent again to the same slot, had started: it was lost with a worker that had never run it.
it("a call that was taken back and sent again to the same place has not started, whatever its worker noted before", async () => {
  const workers = [scripted(), scripted(), scripted(), scripted()]
  let started = 0
  const pool = new Pool(read("Test", "worker", { size: 2, minimum: 2 }, []), (_, listener) => workers[started++]!.start(listener))
  const [first, other, third] = workers as [ReturnType<typeof scripted>, ReturnType<typeof scripted>, ReturnType<typeof scripted>]
  const answers: Array<string> = []
  const submit = (name: string): unknown => {
    const resume = (effect: Effect.Effect<TaskRunner.Answer, TaskRunner.TaskRunnerError>): void =>
      void answers.push(
        `${name}: ${Effect.runSync(Effect.match(effect, { onSuccess: () => "answered", onFailure: (error) => error.reason._tag }))}`
      )
    return pool.submit({ task, payload: { text: "null" }, meta: undefined, priority: "normal", onMessage: () => {} }, resume)
  }
  first.ready()
  // Now it is known that the task is short, and calls are sent ahead.
  submit("warm")
  first.claims(first.sent[0]!)
  first.answers(first.sent[0]!)
  submit("a")
  submit("b")
  expect(first.sent).toHaveLength(3)
  const [, a, b] = first.sent as [unknown, readonly [number, number], readonly [number, number]]
  first.claims(a)
  // The other worker becomes ready: `b` waits behind `a` for nothing, and is taken back; but it goes to the other one only while that is there.
  other.ready()
  await turns(() => first.revoked.length === 1)
  expect(first.revoked).toEqual([b[0]])
  await turns(() => other.sent.length === 1)
  // The first worker comes by, sees that `b` is not its own any more, and has noted it.
  first.claims(b)
  first.skips(b)
  first.answers(a)
  // The other one dies before it has started `b`, which is sent to the first again, into the same slot, and that dies too.
  other.dies()
  await turns(() => first.sent.length === 4)
  expect(first.sent[3]![0]).not.toBe(b[0])
  first.dies()
  third.ready()
  await turns(() => third.sent.length === 1)
  third.answers(third.sent[0]!)
  expect(answers).toEqual(["warm: answered", "a: answered", "b: answered"])
  await Effect.runPromise(pool.close)
})
