/** The table of flaws is complete, and each test it names is there. */
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { excuses, subjects } from "@skein/test/kit"
import { describe, expect, it } from "vitest"
import { flaws, shipped, type Test } from "./flaws.ts"

const root = resolve(import.meta.dirname, "../..")

/** How many flaws SEEDS.md lists for each system. */
const counts = { A: 17, B: 31, C: 22, D: 18, E: 18 }
const ids = Object.entries(counts).flatMap(([system, count]) => Array.from({ length: count }, (_, i) => `${system}-B${i + 1}`))

/** Those that concern running many things in one thread: each is forbidden by a test of this foundation, whatever comes later. */
const ofOneThread = new Set([
  ...["A-B2", "A-B3", "A-B4", "A-B5", "A-B6", "A-B7", "A-B8", "A-B9", "A-B10", "A-B11", "A-B12", "A-B13", "A-B14", "A-B15"],
  ...[
    "B-B1",
    "B-B2",
    "B-B3",
    "B-B6",
    "B-B7",
    "B-B8",
    "B-B9",
    "B-B11",
    "B-B15",
    "B-B17",
    "B-B18",
    "B-B22",
    "B-B25",
    "B-B26",
    "B-B28",
    "B-B29",
    "B-B31"
  ],
  ...["C-B1", "C-B2", "C-B4", "C-B5", "C-B7", "C-B9", "C-B13", "C-B14", "C-B19", "C-B21"],
  ...ids.filter((id) => id.startsWith("D-")),
  ...["E-B1", "E-B2", "E-B3", "E-B5", "E-B6", "E-B7", "E-B8", "E-B11", "E-B12", "E-B13", "E-B14", "E-B16"]
])

/** What FACTS.md lists under "Bugs others shipped", as far as it concerns one thread. */
const bugs = [
  ...["cpython#155418", "Effect#6081", "kotlinx#1477", "anyio#1170", "anyio#1145", "effectionx#260", "ZIO#3970", "ZIO#4253", "p-map#76"],
  ...["p-map#42", "p-limit#25", "kotlinx#1374", "kotlinx#67", "trio#1457", "anyio#1111", "p-some#5", "race of nothing"]
]

const lawFiles = ["ownership", "outcomes", "failFast", "bounds", "deadlines", "nesting", "misuse", "deciding", "sharing", "streaming"]

const files = new Map<string, string>()
const read = (file: string): string => {
  let text = files.get(file)
  if (text === undefined) files.set(file, (text = readFileSync(resolve(root, file), "utf8")))
  return text
}

/** The titles of a test file: the first argument of whatever makes a test of it. The title of a table of cases may be a part of it. */
const titlesOf = (file: string): ReadonlyArray<string> =>
  [
    ...read(file).matchAll(
      /(?:\b(?:it|test|describe|rule|law|lawForAll|refused)(?:\.\w+)*(?:\([^"`]*\))?|\]\))\(\s*(?:"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g
    )
  ].map(([, double, back]) => (double ?? back ?? "").replaceAll('\\"', '"'))

const missing = (tests: ReadonlyArray<Test>): ReadonlyArray<string> =>
  tests
    .filter(([file, title]) => !titlesOf(file).some((found) => found === title || found.endsWith(title)))
    .map(([file, title]) => `${file}: ${title}`)

describe("the table of flaws", () => {
  it("has each flaw of the five systems, and no other", () => {
    expect(Object.keys(flaws).toSorted()).toEqual(ids.toSorted())
  })

  it("names a test of this foundation for each flaw that concerns one thread", () => {
    expect([...ofOneThread].filter((id) => (flaws[id]?.tests ?? []).length === 0)).toEqual([])
  })

  it("names for each other flaw who will forbid it", () => {
    expect(ids.filter((id) => flaws[id]!.tests === undefined && flaws[id]!.later === undefined)).toEqual([])
  })

  it("leaves nothing of fan-out and fan-in to later", () => {
    expect(ids.filter((id) => id.startsWith("D-") && flaws[id]!.later !== undefined)).toEqual([])
    expect(ids.filter((id) => String(flaws[id]!.later).includes("issue 3"))).toEqual([])
  })

  it("forbids each flaw of fan-out and fan-in by a law", () => {
    const lawless = ids.filter((id) => id.startsWith("D-") && !flaws[id]!.tests!.some(([file]) => file.startsWith("test/laws/")))
    expect(lawless).toEqual([])
  })

  for (const [id, { never, tests = [] }] of Object.entries(flaws)) {
    if (tests.length === 0) continue
    it(`${id}: never ${never}`, () => {
      expect(missing(tests)).toEqual([])
    })
  }
})

describe("the table of bugs that others shipped", () => {
  it("has each of those that concern one thread", () => {
    expect(Object.keys(shipped).toSorted()).toEqual(bugs.toSorted())
  })

  for (const [bug, tests] of Object.entries(shipped)) {
    it(bug, () => {
      expect(tests.length).toBeGreaterThan(0)
      expect(missing(tests)).toEqual([])
    })
  }
})

describe("the laws", () => {
  it("that concern one thread have a test each, titled with the number", () => {
    const all = lawFiles.flatMap((name) => titlesOf(`test/laws/${name}.test.ts`))
    // A dead worker or process (law 8) comes with the flavours that have any.
    const numbers = Array.from({ length: 18 }, (_, i) => i + 1).filter((n) => n !== 8)
    expect(numbers.filter((n) => !all.some((title) => title.startsWith(`law ${n}:`)))).toEqual([])
  })

  it("excuse nobody from a law that is not there, and no subject that is not there", () => {
    const titles = lawFiles.flatMap((name) => titlesOf(`test/laws/${name}.test.ts`))
    expect(excuses.filter(({ law }) => !titles.includes(law))).toEqual([])
    expect(excuses.filter(({ subjects: names }) => !subjects.some(({ name }) => names.test(name)))).toEqual([])
  })
})

describe("docs/laws.md", () => {
  const text = read("docs/laws.md")

  it("names each subject", () => {
    expect(subjects.filter(({ name }) => !text.includes(`\`${name}\``)).map(({ name }) => name)).toEqual([])
  })

  it("says of each excuse what it is", () => {
    expect(excuses.filter(({ why }) => !text.includes(why)).map(({ why }) => why)).toEqual([])
  })
})
