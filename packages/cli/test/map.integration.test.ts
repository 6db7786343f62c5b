// Real here: the program as a process of its own, worker threads, and the clock.
import { writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { folder, skein, start, until } from "./skein.ts"

const file = folder()

const tasks = (() => {
  const path = file("tasks.mjs")
  writeFileSync(
    path,
    `export const half = (n) => { if (n % 2) throw new Error("odd"); return n / 2 }
export const nap = (millis) => new Promise((resolve) => setTimeout(() => resolve(millis), millis))
export const chat = (n) => { console.log("noise"); return n }
`
  )
  return path
})()

const rows = (text: string): ReadonlyArray<unknown> =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown)

describe("skein map", () => {
  it("reads flags behind the function, too", async () => {
    const lines = file("lines")
    writeFileSync(lines, "2\n4\n")
    const { code, stdout } = await skein(["map", `${tasks}#half`, "-k", "-o", "values", "-a", lines])
    expect([code, stdout]).toEqual([0, "1\n2\n"])
  })

  it("refuses several sources, since each line is one payload", async () => {
    const { code, stderr, stdout } = await skein(["map", `${tasks}#half`, ":::", "2", ":::", "4"])
    expect([code, stdout]).toEqual([255, ""])
    expect(stderr).toMatch(/one source of lines is expected/)
  })

  it("makes a record of what fails, counts it in its code, and goes on", async () => {
    const { code, stdout } = await skein(["map", "-k", `${tasks}#half`], { stdin: '2\n3\n{"a":\n4\n' })
    expect([code, rows(stdout)]).toEqual([
      2,
      [
        { index: 0, status: "completed", value: 1 },
        { index: 1, status: "failed", error: { _tag: "Error", message: "odd" } },
        { index: 2, status: "failed", error: { _tag: "BadInput", message: expect.stringMatching(/JSON/) as string } },
        { index: 3, status: "completed", value: 2 }
      ]
    ])
  })

  it.each(["worker", "inline"])("keeps what a function prints out of its records, in flavour %s", async (flavour) => {
    const { code, stderr, stdout } = await skein(["map", "--flavour", flavour, "-o", "values", `${tasks}#chat`, ":::", "1"])
    expect([code, stdout, stderr]).toEqual([0, "1\n", "noise\n"])
  })

  it("makes a record of a line that is no text, and goes on", async () => {
    const { code, stdout } = await skein(["map", "-k", `${tasks}#half`], { stdin: new Uint8Array([0x32, 10, 0xff, 10, 0x34, 10]) })
    expect(code).toBe(1)
    expect(rows(stdout)).toContainEqual({
      line: 2,
      status: "failed",
      error: { _tag: "BadInput", message: expect.stringMatching(/line 2/) as string }
    })
    expect(rows(stdout)).toHaveLength(3)
  })

  it.each(["worker", "process", "inline"])("keeps what a function prints apart from its records, in flavour %s", async (flavour) => {
    const { code, stderr, stdout } = await skein(["map", "--flavour", flavour, "-o", "values", `${tasks}#chat`], { stdin: "7\n" })
    expect([code, stdout]).toEqual([0, "7\n"])
    expect(stderr).toContain("noise")
  })

  it("ends with 124 when the deadline comes while a call runs", async () => {
    const { code, stderr, stdout } = await skein(["map", "-k", "--deadline", "1", `${tasks}#nap`, ":::", "1", "60000"])
    expect([code, rows(stdout).length]).toEqual([124, 2])
    expect(stderr).toMatch(/the deadline came first; 1 line is done/)
  })

  it("ends with 124 when the deadline comes before the end of the input", async () => {
    const run = start(["map", "--deadline", "1", `${tasks}#nap`])
    run.child.stdin!.write("1\n")
    await until(() => run.stdout() !== "")
    const { code } = await run.done
    run.child.stdin!.destroy()
    expect(code).toBe(124)
  })
})
