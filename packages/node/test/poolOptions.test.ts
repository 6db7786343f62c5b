import * as Processes from "@skein/node/Processes"
import * as Workers from "@skein/node/Workers"
import { describe, expect, it } from "vitest"

const layers: ReadonlyArray<readonly [where: string, layer: (options: any) => unknown]> = [
  ["Workers.layer", Workers.layer],
  ["Processes.layer", Processes.layer]
]

const atLeast1 = "a whole number of at least 1"
const atLeast0 = "a whole number of at least 0"
const duration = "a duration that is not negative"

describe.each(layers)("%s", (where, layer) => {
  const refusal = (options: unknown): string => {
    try {
      layer(options)
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError)
      return (error as Error).message
    }
    return "it was accepted"
  }

  describe("refuses at once, by a RangeError that says what the option must be and what it was,", () => {
    const wrongCounts: ReadonlyArray<readonly [unknown, string]> = [
      [-1, "-1"],
      [2.5, "2.5"],
      [Number.NaN, "NaN"],
      [Number.POSITIVE_INFINITY, "Infinity"],
      ["2", '"2"'],
      [null, "null"]
    ]
    for (const option of ["size", "concurrency"]) {
      it.each([[0, "0"] as const, ...wrongCounts])(`${option} %s`, (value, got) => {
        expect(refusal({ [option]: value })).toBe(`${where}: ${option} must be ${atLeast1}, got ${got}`)
      })
    }
    for (const option of ["minimum", "spare", "retryLost"]) {
      it.each(wrongCounts)(`${option} %s`, (value, got) => {
        expect(refusal({ [option]: value })).toBe(`${where}: ${option} must be ${atLeast0}, got ${got}`)
      })
    }
    for (const option of ["tasks", "heap"]) {
      it.each([[0, "0"] as const, ...wrongCounts])(`recycle.${option} %s`, (value, got) => {
        expect(refusal({ recycle: { [option]: value } })).toBe(`${where}: recycle.${option} must be ${atLeast1}, got ${got}`)
      })
    }
    it.each(wrongCounts)("queue.max %s", (value, got) => {
      expect(refusal({ queue: { max: value } })).toBe(`${where}: queue.max must be ${atLeast0}, got ${got}`)
    })

    for (const option of ["idleTimeToLive", "readyTimeout", "grace"]) {
      it.each([
        [-1, "-1"],
        [Number.NaN, "NaN"],
        ["soon", '"soon"'],
        [null, "null"],
        [true, "true"]
      ])(`${option} %s`, (value, got) => {
        expect(refusal({ [option]: value })).toBe(`${where}: ${option} must be ${duration}, got ${got}`)
      })
    }
    it.each([0, -1, Number.NaN, "soon"])("recycle.age %s", (value) => {
      expect(refusal({ recycle: { age: value } })).toMatch(
        new RegExp(
          `^${where}: recycle\\.age must be a duration .+, got ${JSON.stringify(value) === "null" ? "NaN" : JSON.stringify(value)}$`
        )
      )
    })

    it("a minimum above the size", () => {
      expect(refusal({ size: 2, minimum: 3 })).toBe(`${where}: minimum must be at most size, which is 2, got 3`)
    })

    it.each([
      ["queue.onFull", { queue: { max: 1, onFull: "drop" } }, /^.+: queue\.onFull must be "wait" \| "reject", got "drop"$/],
      ["queue without max", { queue: {} }, /^.+: queue\.max must be a whole number of at least 0, got undefined$/],
      ["onEvent", { onEvent: "log" }, /^.+: onEvent must be a function, got "log"$/],
      ["env", { env: "PATH" }, /^.+: env must be an object of strings, got "PATH"$/],
      ["env with a number", { env: { PATH: 1 } }, /^.+: env must be an object of strings, got an object$/],
      ["execArgv with a number", { execArgv: [1] }, /^.+: execArgv must be an array of strings, got an array of 1$/],
      ["execArgv", { execArgv: "--no-warnings" }, /^.+: execArgv must be an array of strings, got "--no-warnings"$/],
      ["memory.heap", { memory: { heap: 1_000 } }, /^.+: memory\.heap must be a whole number of at least 1048576, got 1000$/]
    ])("%s", (_, options, message) => {
      const text = refusal(options)
      expect(text.startsWith(`${where}: `)).toBe(true)
      expect(text).toMatch(message)
    })

    it.each([
      ["sise", { sise: 2 }],
      ["task", { recycle: { task: 2 } }],
      ["maximum", { queue: { max: 1, maximum: 2 } }],
      ["rss", { memory: { rss: 2 ** 30 } }]
    ])("the unknown name %s", (name, options) => {
      const text = refusal(options)
      expect(text.startsWith(where)).toBe(true)
      expect(text).toContain(name)
    })

    it.each([[null], [3], ["fast"]])("options that are %s", (options) => {
      expect(refusal(options)).toMatch(new RegExp(`^${where}`))
    })
  })

  it("accepts what means no limit, and what was left out", () => {
    expect(() =>
      layer({
        size: undefined,
        minimum: 0,
        idleTimeToLive: "Infinity",
        readyTimeout: "Infinity",
        grace: 0,
        recycle: { age: "Infinity" },
        queue: { max: 0, onFull: "reject" },
        env: {},
        execArgv: [],
        memory: {},
        onEvent: undefined
      })
    ).not.toThrow()
  })
})

it("a stack size is an option of threads alone", () => {
  expect(() => Workers.layer({ memory: { stack: 2 ** 20 } })).not.toThrow()
  expect(() => Processes.layer({ memory: { stack: 2 ** 20 } as never })).toThrow(/^Processes\.layer \(memory\).*stack/)
})

it("what processes print goes where one says, and nowhere else", () => {
  expect(() => Processes.layer({ stdout: "nowhere" as never })).toThrow(
    /^Processes\.layer: stdout must be "inherit" \| "stderr", got "nowhere"$/
  )
  expect(() => Workers.layer({ stdout: "stderr" } as never)).toThrow(/stdout/)
})
