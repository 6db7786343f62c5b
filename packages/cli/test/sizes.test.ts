import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as sizes from "../src/sizes.ts"

/** The value, or the text of the error. */
const of = <A>(read: sizes.Read<A>): A | string => (Result.isSuccess(read) ? read.success : read.failure)

/** All of them are refused. */
const everywhere = <A>(read: (text: string) => sizes.Read<A>, texts: ReadonlyArray<string>) =>
  expect(texts.filter((text) => Result.isSuccess(read(text)))).toEqual([])

describe("jobs", () => {
  it("reads numbers, shares of the cores, and numbers relative to them", () => {
    expect(["8", "+2", "-1", "50%", "0"].map((text) => of(sizes.jobs(text)))).toEqual([
      { kind: "count", count: 8 },
      { kind: "cores", plus: 2 },
      { kind: "cores", plus: -1 },
      { kind: "share", share: 0.5 },
      { kind: "unbounded" }
    ])
  })

  it("refuses anything else, and says what it expected", () => {
    everywhere(sizes.jobs, ["", "x", "1.5", "0%", "-50%", " 8", "8 ", "0x8", "1e3", "99999999999999999999", "--1"])
    expect(of(sizes.jobs("many"))).toBe(
      'must be a number such as 8, a share of the cores such as 50%, +2 or -1 relative to the cores, or 0 for "as many as possible", got "many"'
    )
  })

  it("comes to at least one on any machine", () => {
    const on = (text: string, cores: number) => sizes.jobsOn(Result.getOrThrow(sizes.jobs(text)), cores)
    expect([on("8", 4), on("+2", 4), on("-1", 4), on("-9", 4), on("50%", 4), on("150%", 4), on("1%", 4), on("0", 4)]).toEqual([
      8,
      6,
      3,
      1,
      2,
      6,
      1,
      Infinity
    ])
  })
})

describe("duration", () => {
  it("reads seconds, units and sums of them, in milliseconds", () => {
    expect(["10", "1.5s", "2m", "3h", "1d", "1h30m", "250ms", ".5", "0", "10min", "5sec"].map((text) => of(sizes.duration(text)))).toEqual([
      10_000, 1500, 120_000, 10_800_000, 86_400_000, 5_400_000, 250, 500, 0, 600_000, 5000
    ])
  })

  it("refuses anything else", () => {
    everywhere(sizes.duration, ["", "s", "-1", "1 s", "1x", "1s2", "1e3", "Infinity", "9".repeat(400)])
    expect(of(sizes.duration("soon"))).toBe('must be a time such as 10 (seconds), 1.5s, 2m, 3h, 1d or 1h30m, got "soon"')
  })

  it("reads back whatever is written in milliseconds", () => {
    fc.assert(
      fc.property(fc.nat(), (millis) => {
        expect(of(sizes.duration(`${millis}ms`))).toBe(millis)
      })
    )
  })
})

describe("timeLimit", () => {
  it("reads a duration, or a multiple of the median", () => {
    expect([of(sizes.timeLimit("1.5s")), of(sizes.timeLimit("300%"))]).toEqual([
      { kind: "millis", millis: 1500 },
      { kind: "median", factor: 3 }
    ])
  })

  it("refuses no time at all", () => {
    everywhere(sizes.timeLimit, ["0", "0%", "-3s", "%", "never"])
  })
})

describe("size", () => {
  it("counts capitals in 1024 and small letters in 1000", () => {
    expect(["4096", "64K", "1G", "10m", "16MiB", "1.5k", "0"].map((text) => of(sizes.size(text)))).toEqual([
      4096,
      65_536,
      2 ** 30,
      10_000_000,
      2 ** 24,
      1500,
      0
    ])
  })

  it("refuses other letters, signs, and more than can be counted", () => {
    everywhere(sizes.size, ["", "K", "-1K", "1X", "1KB", "10 M", "1e3", "9999999P"])
  })
})

describe("rate", () => {
  it("reads a number a second, or in another time", () => {
    expect(["5", "100/s", "10/min", "1/30s", "0.5/2h"].map((text) => of(sizes.rate(text)))).toEqual([
      { count: 5, perMillis: 1000 },
      { count: 100, perMillis: 1000 },
      { count: 10, perMillis: 60_000 },
      { count: 1, perMillis: 30_000 },
      { count: 0.5, perMillis: 7_200_000 }
    ])
  })

  it("refuses a rate of nothing", () => {
    everywhere(sizes.rate, ["", "0", "0/s", "5/0s", "5/", "/s", "5/30", "-1", "x"])
  })
})

describe("amount", () => {
  it("reads a whole number, or a share of at most all", () => {
    expect(["3", "10%", "100%"].map((text) => of(sizes.amount(text)))).toEqual([
      { kind: "count", count: 3 },
      { kind: "share", share: 0.1 },
      { kind: "share", share: 1 }
    ])
  })

  it("refuses nothing, fractions, and more than all", () => {
    everywhere(sizes.amount, ["0", "0%", "1.5", "101%", "-1", "", "all"])
  })
})

describe("stopSequence", () => {
  it("reads signals and waits, with or without units and SIG", () => {
    expect(of(sizes.stopSequence("TERM,1000,sigint,2s,KILL"))).toEqual([
      { signal: "SIGTERM", waitMillis: 1000 },
      { signal: "SIGINT", waitMillis: 2000 },
      { signal: "SIGKILL", waitMillis: 0 }
    ])
    expect(of(sizes.stopSequence("15,200,9,25"))).toEqual([
      { signal: "SIGTERM", waitMillis: 200 },
      { signal: "SIGKILL", waitMillis: 25 }
    ])
  })

  it("refuses a sequence that a program could ignore to its end", () => {
    everywhere(sizes.stopSequence, ["TERM", "TERM,1000", "KILL,10,TERM"])
  })

  it("refuses unknown signals and waits", () => {
    everywhere(sizes.stopSequence, ["", "FOO,10,KILL", "TERM,x,KILL", "TERM,,KILL", "1000,TERM,KILL", "TERM,-1,KILL", "constructor,1,KILL"])
  })
})

describe("halt", () => {
  it("reads when, on what, and how much of it", () => {
    expect(
      ["never", "now,fail=1", "soon,fail=30%", "now,success=1", "soon,done=10", "now,fail"].map((text) => of(sizes.halt(text)))
    ).toEqual([
      { when: "never" },
      { when: "now", on: "fail", limit: { kind: "count", count: 1 } },
      { when: "soon", on: "fail", limit: { kind: "share", share: 0.3 } },
      { when: "now", on: "success", limit: { kind: "count", count: 1 } },
      { when: "soon", on: "done", limit: { kind: "count", count: 10 } },
      { when: "now", on: "fail", limit: { kind: "count", count: 1 } }
    ])
  })

  it("knows the numbers of GNU parallel", () => {
    expect(["0", "1", "2"].map((text) => of(sizes.halt(text)))).toEqual([
      { when: "never" },
      { when: "soon", on: "fail", limit: { kind: "count", count: 1 } },
      { when: "now", on: "fail", limit: { kind: "count", count: 1 } }
    ])
  })

  it("refuses anything else", () => {
    everywhere(sizes.halt, ["", "3", "now", "later,fail=1", "now,fail=0", "now,fail=", "now,crash=1", "now,fail=1,done=2"])
  })
})

describe("delimiter", () => {
  it("reads characters and escapes", () => {
    expect([",", "\\t", "\\0", "\\x1f", "--\\n", "\\\\"].map((text) => of(sizes.delimiter(text)))).toEqual([
      ",",
      "\t",
      "\0",
      "\u001f",
      "--\n",
      "\\"
    ])
  })

  it("refuses nothing, unknown escapes, and a backslash alone", () => {
    everywhere(sizes.delimiter, ["", "\\q", "\\", "a\\", "\\x9f", "\\x1"])
  })
})

describe("a reader", () => {
  it("never throws", () => {
    const readers = [
      sizes.jobs,
      sizes.duration,
      sizes.timeLimit,
      sizes.size,
      sizes.rate,
      sizes.amount,
      sizes.stopSequence,
      sizes.halt,
      sizes.delimiter
    ]
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(..."019.%,=/+-smhdKkTERMKILnowfailver\\x") }))
    fc.assert(
      fc.property(text, fc.constantFrom(...readers), (text, read) => {
        expect(of<unknown>(read(text))).toBeDefined()
      })
    )
  })
})
