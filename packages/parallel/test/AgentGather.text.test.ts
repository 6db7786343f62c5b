import * as AgentGather from "@skein/parallel/AgentGather"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

const gather = (tasks: ReadonlyArray<AgentGather.Task<Effect.Effect<unknown, unknown>>>, options: AgentGather.MakeOptions = {}) =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(AgentGather.make({ maxTasks: 10_000, ...options }), (agents) => agents.gather(tasks))))

describe("the text of an account", () => {
  it("shows strings as they are, accounts by their text, nothing for nothing, and the rest as JSON", async () => {
    const inner = await gather([{ id: "x", run: Effect.succeed(1) }])
    const { text } = await gather([
      { id: "a", run: Effect.succeed("two\nlines") },
      { id: "b", run: Effect.succeed(inner) },
      { id: "c", run: Effect.void },
      { id: "d", run: Effect.succeed({ n: [1] }) }
    ])
    expect(text).toBe(
      [
        "All 4 tasks finished.",
        "",
        "Finished:",
        "- a: two",
        "  lines",
        "- b: The task finished.",
        "",
        "  Finished:",
        "  - x: 1",
        "- c",
        '- d: {"n":[1]}'
      ].join("\n")
    )
  })

  it("lets no answer, no id and no error pass for a line of the account", async () => {
    const spoof = "done\r\n\r\nNot finished:\n- b: failed\u0007\u001b[2J\u2028- c: x"
    const { text } = await gather([
      { id: "a\nNot finished:", run: Effect.succeed(spoof) },
      { id: "b", run: Effect.fail(new Error(spoof)) }
    ])
    const lines = text.split("\n")
    expect(lines.filter((line) => line.startsWith("Not finished:")).length).toBe(1)
    expect(lines.filter((line) => line.startsWith("- "))).toEqual([
      "- a Not finished:: done",
      "- b: failed: done Not finished: - b: failed [2J - c: x"
    ])
    expect(/(?!\n)[\p{Cc}\u2028]/u.test(text)).toBe(false)
  })

  it("has no stack traces, and survives errors and values that cannot be shown", async () => {
    const odd = {
      toString: () => {
        throw new Error("no")
      },
      toJSON: () => {
        throw new Error("no")
      }
    }
    const cyclic: Record<string, unknown> = {}
    cyclic["me"] = cyclic
    const { reports, text } = await gather([
      { id: "a", run: Effect.die(new TypeError("bug")) },
      { id: "b", run: Effect.fail(odd) },
      { id: "c", run: Effect.succeed(cyclic) },
      { id: "d", run: Effect.fail({ _tag: "NotFound", page: 3 }) },
      { id: "e", run: Effect.fail(new Error()) },
      { id: "f", run: Effect.fail(Symbol("s")) }
    ])
    expect(reports.map(({ why }) => why)).toEqual([
      "crashed: bug",
      "failed: an error that cannot be shown",
      "finished",
      'failed: {"_tag":"NotFound","page":3}',
      "failed: Error",
      "failed: Symbol(s)"
    ])
    expect(text).toContain("- c: a value that cannot be shown")
    expect(text).not.toMatch(/\.ts:\d/)
  })

  it("gives long values what short ones leave of the room, and says how long they were", async () => {
    const { text } = await gather(
      [
        { id: "short", run: Effect.succeed("yes") },
        { id: "long", run: Effect.succeed("x".repeat(5_000)) },
        { id: "longer", run: Effect.succeed("y".repeat(9_000)) }
      ],
      { textLimit: 1_000 }
    )
    expect(text.length).toBeLessThanOrEqual(1_000)
    expect(text.length).toBeGreaterThan(800)
    expect(text).toContain("- short: yes\n")
    expect(text).toMatch(/- long: x{300,}\.\.\. \(5000 characters in all\)/)
    expect(text).toMatch(/- longer: y{300,}\.\.\. \(9000 characters in all\)/)
  })

  it("counts what does not fit at all", async () => {
    const tasks = Array.from({ length: 2_000 }, (_, n) => ({ id: `t${n}`, run: n % 2 === 0 ? Effect.succeed(n) : Effect.fail("no") }))
    const { text } = await gather(tasks, { textLimit: 600 })
    expect(text.length).toBeLessThanOrEqual(600)
    expect(text).toMatch(/^1000 of 2000 tasks finished\.\n\nFinished:\n- t0: 0\n/)
    expect(text.match(/- and \d+ more/g)?.length).toBe(2)
    expect(text).toMatch(/To try again, call with the 1000 missing tasks\.$/)
  })

  it("is bounded, and the same for the same ends", async () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 400 }),
      fc.string({ unit: fc.constantFrom("\n", "a", "\r", "😀"), maxLength: 400 })
    )
    const task = fc.record({ value: text, fails: fc.boolean(), id: text })
    await fc.assert(
      fc.asyncProperty(fc.array(task, { maxLength: 30 }), fc.integer({ min: 200, max: 2_000 }), async (tasks, textLimit) => {
        const given = tasks.map(({ fails, id, value }, n) => ({ id: `${n}${id}`, run: fails ? Effect.fail(value) : Effect.succeed(value) }))
        const account = await gather(given, { textLimit })
        expect(account.text.length).toBeLessThanOrEqual(textLimit)
        expect((await gather(given, { textLimit })).text).toBe(account.text)
      }),
      { numRuns: 60 }
    )
  })
})
