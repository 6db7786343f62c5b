/**
 * Runs the given example files one after the other in this process, for `doc-examples.mjs`, and reports each on file descriptor 3.
 *
 * An example ends when nothing is left on the event loop, which Node says with `beforeExit`; that is also when the next one may start. So the examples
 * share the modules of Effect, which take most of the time, and yet each is run to its very end. What a `console.log` prints is
 * reported with the line of the call, taken from the stack; a call made by Effect on the example's behalf has no such line.
 */
import { writeSync } from "node:fs"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { format } from "node:util"

const files = process.argv.slice(2).map((file) => pathToFileURL(resolve(file)).href)

let current = -1
let printed = []
let error
let loaded = true

const describe = (thrown) => (thrown instanceof Error ? (thrown.stack ?? thrown.message) : format(thrown))

for (const name of ["log", "info", "warn", "error", "debug"]) {
  console[name] = (...args) => {
    const frame = new Error().stack.split("\n").find((line) => line.includes(files[current]))
    const line = frame === undefined ? undefined : Number(/:(\d+):\d+\)?$/.exec(frame)?.[1])
    printed.push({ line, text: format(...args) })
  }
}
process.on("uncaughtException", (thrown) => (error ??= `threw ${describe(thrown)}`))
process.on("unhandledRejection", (thrown) => (error ??= `rejected ${describe(thrown)}`))

const next = () => {
  if (current >= 0) {
    if (!loaded) error ??= "never finished: a top-level await waits for something that cannot happen"
    if (process.exitCode !== undefined && process.exitCode !== 0) error ??= `set the exit code ${process.exitCode}`
    writeSync(3, `${JSON.stringify({ printed, error })}\n`)
  }
  current++
  printed = []
  error = undefined
  process.exitCode = undefined
  if (current >= files.length) {
    process.removeListener("beforeExit", next)
    return
  }
  loaded = false
  // In a turn of its own: an import alone need not keep the loop alive, and without that there would be no other `beforeExit`.
  setImmediate(() =>
    import(files[current]).then(
      () => (loaded = true),
      (thrown) => {
        loaded = true
        error ??= `threw ${describe(thrown)}`
      }
    )
  )
}
process.on("beforeExit", next)
