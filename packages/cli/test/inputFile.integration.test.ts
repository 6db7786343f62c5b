// Real: a Node process whose standard input is a file, a pipe, a directory, or a pipe that nobody writes to.
import { spawn, spawnSync } from "node:child_process"
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "skein-input-"))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const sources = new URL("../src/sources.ts", import.meta.url).href

/** Writes the first value of each input, and how it ended. An `end` on its message channel aborts it. */
const program = `
  import { make } from ${JSON.stringify(sources)}
  const abort = new AbortController()
  process.once("message", () => { abort.abort(); process.disconnect() })
  process.send?.("ready")
  try {
    for await (const input of make({ groups: [], signal: abort.signal }).inputs) console.log(input.values[0])
    console.log("end")
  } catch (error) {
    console.log(error.message)
  }
`
const args = ["--input-type=module", "-e", program]

const read = (stdin: string | number): string => {
  const options =
    typeof stdin === "number"
      ? { stdio: [stdin, "pipe", "inherit"] as const }
      : { input: stdin, stdio: ["pipe", "pipe", "inherit"] as const }
  return spawnSync(process.execPath, args, { ...options, stdio: [...options.stdio], encoding: "utf8", timeout: 60_000 }).stdout
}

const opened = (path: string): string => {
  const fd = openSync(path, "r")
  try {
    return read(fd)
  } finally {
    closeSync(fd)
  }
}

describe("standard input", () => {
  it("is read to its end from a pipe and from a file", () => {
    writeFileSync(join(dir, "lines"), "a\nb c\n")
    expect([read("x\ny"), read(""), opened(join(dir, "lines")), opened("/dev/null")]).toEqual([
      "x\ny\nend\n",
      "end\n",
      "a\nb c\nend\n",
      "end\n"
    ])
  })

  it("is refused where it is a directory", () => {
    expect(opened(dir)).toBe("standard input: it is a directory\n")
  })

  it("lets go of a pipe that nobody writes to, and of the process, when it is aborted", async () => {
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit", "ipc"] })
    let text = ""
    child.stdout!.setEncoding("utf8").on("data", (piece: string) => {
      text += piece
    })
    child.once("message", () => child.send("end"))
    const code = await new Promise((resolve) => void child.once("close", resolve))
    expect([text, code]).toEqual(["end\n", 0])
  })
})
