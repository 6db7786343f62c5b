import { execFileSync } from "node:child_process"
import { createWriteStream, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { collect } from "../src/combine.ts"
import type { Group } from "../src/commandLine.ts"
import type { InputError } from "../src/lines.ts"
import * as sources from "../src/sources.ts"

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "skein-sources-"))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}
const words = (...words: ReadonlyArray<string>): Group => ({ kind: "arguments", linked: false, words })
const linked = (...words: ReadonlyArray<string>): Group => ({ kind: "arguments", linked: true, words })
const files = (...words: ReadonlyArray<string>): Group => ({ kind: "files", linked: false, words })

const make = (groups: ReadonlyArray<Group>, own?: Partial<sources.Options>) => sources.make({ groups, ...own })
const inputs = async (groups: ReadonlyArray<Group>, own?: Partial<sources.Options>) =>
  (await collect(make(groups, own).inputs)).map(({ fields, values }) =>
    fields === undefined ? { values } : { values, fields: { ...fields } }
  )
const values = async (groups: ReadonlyArray<Group>, own?: Partial<sources.Options>) =>
  (await inputs(groups, own)).map((input) => input.values.join("|"))
const ofStdin = (text: string | Uint8Array, own?: Partial<sources.Options>) =>
  values([], { stdin: Readable.from([Buffer.from(text)]), ...own })

const failure = async (groups: ReadonlyArray<Group>, own?: Partial<sources.Options>): Promise<InputError> => {
  try {
    await inputs(groups, own)
  } catch (error) {
    return error as InputError
  }
  throw new Error("it did not fail")
}

/** How many descriptors this process has open on files of the folder. */
const openFiles = (): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(dir)
    } catch {
      // The one that the folder was read with.
      return false
    }
  }).length

describe("the sources", () => {
  it("are arguments, one value each", async () => {
    expect(await values([words("a b", "", "-x")])).toEqual(["a b", "", "-x"])
  })

  it("are lines of standard input where nothing else is named", async () => {
    expect(await ofStdin("a\n\nb c\r\nlast")).toEqual(["a", "", "b c\r", "last"])
  })

  it("are cut at NUL, or at what is asked for", async () => {
    expect([await ofStdin("a\nb\0c\0", { delimiter: "\0" }), await ofStdin("a, b", { delimiter: "," })]).toEqual([
      ["a\nb", "c"],
      ["a", " b"]
    ])
  })

  it("are crossed, the last turning fastest, files of -a before the groups", async () => {
    const one = file("one", "1\n2\n")
    expect(await values([words("a", "b"), words("x", "y")])).toEqual(["a|x", "a|y", "b|x", "b|y"])
    expect(await values([words("a", "b")], { files: [one] })).toEqual(["1|a", "1|b", "2|a", "2|b"])
    expect(await values([files(one, one), words("z")])).toEqual(["1|1|z", "1|2|z", "2|1|z", "2|2|z"])
  })

  it("are linked step by step up to the shortest", async () => {
    const three = file("three", "1\n2\n3\n")
    expect(await values([words("a", "b"), linked("c", "d", "e"), words("x", "y")])).toEqual(["a|c|x", "a|c|y", "b|d|x", "b|d|y"])
    expect(await values([words("a", "b", "c", "d"), { kind: "files", linked: true, words: [three, three] }])).toEqual([
      "a|1|1",
      "b|2|2",
      "c|3|3"
    ])
  })

  it("are nothing where one of them is", async () => {
    expect(await values([words("a"), words()])).toEqual([])
    expect(await values([words(), words("a")])).toEqual([])
    expect(await values([files()])).toEqual([])
    expect(await ofStdin("")).toEqual([])
  })

  it("go several into one", async () => {
    expect(await values([words("a", "b", "c")], { perJob: 2 })).toEqual(["a|b", "c"])
  })

  it("are trimmed, and empty ones left out, where that is asked for", async () => {
    expect(await ofStdin(" a \n \n\nb", { trim: "both" })).toEqual(["a", "", "", "b"])
    expect(await ofStdin(" a \nb ", { trim: "left" })).toEqual(["a ", "b "])
    expect(await ofStdin(" a \nb ", { trim: "right" })).toEqual([" a", "b"])
    expect(await ofStdin(" a \n \n\nb", { empty: "skip" })).toEqual([" a ", "b"])
    expect(await values([words(" a", " ", "")], { trim: "both", empty: "skip" })).toEqual(["a"])
  })

  it("are cut into columns, with names where the first line has them", async () => {
    expect(await ofStdin("a,b\nc\n", { columns: /,/ })).toEqual(["a|b", "c"])
    expect(await values([words("a, b", "c")], { columns: /,/, trim: "both" })).toEqual(["a|b", "c"])
    expect(await ofStdin("a1b22c\n", { columns: /([0-9])+/ })).toEqual(["a|b|c"])
    expect(await inputs([], { stdin: Readable.from(["n m\n1 2\n"]), columns: / /, header: "names" })).toEqual([
      { values: ["1", "2"], fields: { n: "1", m: "2" } }
    ])
  })
})

describe("records", () => {
  it("are rows of CSV under the names of the header", async () => {
    const csv = file("a.csv", '\uFEFFname, size \r\n"a, b",1\r\n\r\n"c\nd",2\r\n')
    expect(await inputs([files(csv)], { format: "csv" })).toEqual([
      { values: ["a, b", "1"], fields: { name: "a, b", size: "1" } },
      { values: ["c\nd", "2"], fields: { name: "c\nd", size: "2" } }
    ])
  })

  it("have no names where the table has none", async () => {
    expect(await inputs([], { stdin: Readable.from(['a\tb"\n']), format: "tsv", header: "none" })).toEqual([{ values: ["a", 'b"'] }])
    expect(make([], { format: "tsv", header: "none" }).kind).toBe("values")
  })

  it("are objects of NDJSON, whatever the empty lines between", async () => {
    expect(await inputs([], { stdin: Readable.from(['\uFEFF{"a":1}\r\n\n  \n["x","y"]\n']), format: "ndjson" })).toEqual([
      { values: ['{"a":1}'], fields: { a: "1" } },
      { values: ["x", "y"] }
    ])
  })

  it("give their names before they are read, once", async () => {
    const csv = file("b.csv", "x,y\n1,2\n")
    const source = make([files(csv), words("a")], { format: "csv" })
    expect([source.kind, await source.names(), await source.names()]).toEqual(["records", ["x", "y"], ["x", "y"]])
    expect((await collect(source.inputs)).map((input) => input.values)).toEqual([["1", "2", "a"]])
    expect(await make([], { stdin: Readable.from([]), format: "csv" }).names()).toEqual([])
  })

  it("have as many values as the header has names", async () => {
    const csv = file("c.csv", "x,y\n1,2\n3\n4,5,6\n7,8\n")
    expect(await failure([files(csv)], { format: "csv" })).toMatchObject({
      reason: "syntax",
      line: 3,
      message: `${csv}, line 3: 1 value, where the header has 2 names`
    })
    const skipped: Array<number | undefined> = []
    expect(await values([files(csv)], { format: "csv", onBad: "skip", skipped: (error) => void skipped.push(error.line) })).toEqual([
      "1|2",
      "7|8"
    ])
    expect(skipped).toEqual([3, 4])
  })

  it("keep an empty line that is a value: of the only column", async () => {
    expect(await inputs([], { stdin: Readable.from(["x\n\n1\n"]), format: "csv" })).toEqual([
      { values: [""], fields: { x: "" } },
      { values: ["1"], fields: { x: "1" } }
    ])
  })

  it("do not allow two columns of one name, whatever is skipped", async () => {
    const csv = file("d.csv", "x,x\n1,2\n")
    expect((await failure([files(csv)], { format: "csv", onBad: "skip" })).message).toBe(`${csv}, line 1: two columns are called "x"`)
  })

  it("say where they are wrong", async () => {
    const bad = file("bad.ndjson", '{"a":1}\n{"a":}\n[]\n{"b":2}\n')
    expect(await failure([files(bad)], { format: "ndjson" })).toMatchObject({
      _tag: "InputError",
      reason: "syntax",
      source: bad,
      line: 2,
      column: 6,
      message: `${bad}, line 2, column 6: no JSON: a value should be here`
    })
    const skipped: Array<string> = []
    expect(await values([files(bad)], { format: "ndjson", onBad: "skip", skipped: (error) => void skipped.push(error.message) })).toEqual([
      '{"a":1}',
      '{"b":2}'
    ])
    expect(skipped).toHaveLength(2)
  })

  it("go one into a job", async () => {
    expect((await failure([], { format: "ndjson", perJob: 2 })).message).toMatch(/records have names/)
    await expect(make([], { format: "csv", perJob: 2 }).names()).rejects.toMatchObject({ reason: "usage" })
  })
})

describe("what is known before reading", () => {
  const known = (groups: ReadonlyArray<Group>, own?: Partial<sources.Options>) => {
    const { kind, total, width } = make(groups, own)
    return [kind, total, width]
  }

  it("is the number of inputs where all are arguments, and the number of values where lines are", () => {
    expect([
      known([words("a", "b", "c")]),
      known([words("a", "b"), words("x", "y", "z")]),
      known([words("a", "b"), linked("x", "y", "z")]),
      known([words("a", "b", "c")], { perJob: 2 }),
      known([words("a"), files("f")]),
      known([]),
      known([], { columns: /,/ }),
      known([], { format: "csv" }),
      known([words("a", " ")], { empty: "skip" })
    ]).toEqual([
      ["values", 3, 1],
      ["values", 6, 2],
      ["values", 2, 2],
      ["values", 2, 2],
      ["values", undefined, 2],
      ["values", undefined, 1],
      ["values", undefined, undefined],
      ["records", undefined, undefined],
      ["values", 1, 1]
    ])
  })
})

describe("what cannot be read", () => {
  it("is named, with the reason in words", async () => {
    mkdirSync(join(dir, "folder"))
    const missing = join(dir, "missing")
    expect([
      (await failure([files(missing)])).message,
      (await failure([files(join(dir, "folder"))])).message,
      (await failure([files(join(file("plain", ""), "x"))])).message
    ]).toEqual([
      `${missing}: there is no such file`,
      `${join(dir, "folder")}: it is a directory`,
      `${join(dir, "plain", "x")}: a part of the path is no directory`
    ])
  })

  it("stops also where bad lines are skipped", async () => {
    expect((await failure([files(join(dir, "missing"))], { onBad: "skip" })).reason).toBe("unreadable")
  })

  it("is known before the first input where it is crossed with others", async () => {
    const all = make([words("a"), files(join(dir, "missing"))]).inputs[Symbol.asyncIterator]()
    await expect(all.next()).rejects.toMatchObject({ reason: "unreadable" })
  })

  it("is standard input that breaks", async () => {
    const stdin = new Readable({
      read() {
        this.destroy(new Error("broken"))
      }
    })
    expect(await failure([], { stdin })).toMatchObject({ reason: "unreadable", source: "-", message: "standard input: broken" })
  })

  it("is standard input that is named twice", async () => {
    expect((await failure([files("-")], { files: ["-"] })).message).toBe("standard input: it is named twice, and can be read only once")
  })

  it("is a line that is no text, or too long", async () => {
    const binary = file("binary", Buffer.from([0x61, 0x0a, 0xfe, 0x0a]))
    expect([
      (await failure([files(binary)])).message,
      (await failure([files(file("long", "x".repeat(100)))], { maxLine: 10 })).reason
    ]).toEqual([`${binary}, line 2: bytes that are no UTF-8; an argument cannot carry them`, "too-long"])
  })
})

describe("reading", () => {
  it("opens nothing before it is asked, takes no more than it is asked for, and closes all in the end", async () => {
    const big = file("big", "line\n".repeat(1_000_000))
    const other = file("other", "x\ny\n")
    const all = make([files(big), files(other)]).inputs[Symbol.asyncIterator]()
    expect(openFiles()).toBe(0)
    expect((await all.next()).value).toEqual({ values: ["line", "x"] })
    expect(openFiles()).toBe(1)
    await all.return!(undefined)
    expect(openFiles()).toBe(0)
  })

  it("closes all when one of them fails", async () => {
    const csv = file("e.csv", "x\n1\n")
    const source = make([files(csv), files(join(dir, "missing"))], { format: "csv" })
    await expect(source.names()).rejects.toMatchObject({ reason: "unreadable" })
    await expect(collect(source.inputs)).rejects.toMatchObject({ reason: "unreadable" })
    expect(openFiles()).toBe(0)
  })

  it("asks standard input for no more than the reader takes", async () => {
    let asked = 0
    const stdin = new Readable({
      highWaterMark: 1,
      read() {
        asked++
        this.push("line\n")
      }
    })
    const all = make([], { stdin }).inputs[Symbol.asyncIterator]()
    await all.next()
    await all.next()
    expect(asked).toBeLessThan(10)
    await all.return!(undefined)
    expect(stdin.destroyed).toBe(true)
  })

  it("waits for the writer of a named pipe, and reads what it sends", async () => {
    const pipe = join(dir, "pipe")
    execFileSync("mkfifo", [pipe])
    const read = values([files(pipe)])
    // Open and still open: one that does not wait would have found the end by then.
    let seen = 0
    await vi.waitUntil(() => (seen = openFiles() === 1 ? seen + 1 : 0) === 5, { interval: 10, timeout: 20_000 })
    const writer = createWriteStream(pipe)
    writer.end("a\nb\n")
    expect(await read).toEqual(["a", "b"])
  })

  it("ends a wait for a silent pipe when it is aborted, like the end of the input", async () => {
    const pipe = join(dir, "silent")
    execFileSync("mkfifo", [pipe])
    const abort = new AbortController()
    const read = values([files(pipe)], { signal: abort.signal })
    abort.abort()
    expect(await read).toEqual([])
    const stdin = new Readable({ read() {} })
    const later = new AbortController()
    const waiting = values([], { stdin, signal: later.signal })
    later.abort()
    expect([await waiting, stdin.destroyed]).toEqual([[], true])
    expect(openFiles()).toBe(0)
  })
})
