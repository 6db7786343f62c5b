/**
 * Finds the files to read, and makes a few that cannot be: thousands of real files go well, and what this program shows is what happens when some do not.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import type * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import { join } from "node:path"

export interface Input {
  /** Where it lies below the folder that was asked for. Results and digest speak of this name, so they are the same on every machine. */
  readonly name: string
  readonly path: string
}

const text = "ts,mts,cts,tsx,md"
const data = "wasm,png,node"
const maxData = 12

/**
 * Lists all text files under `dir`, or `limit` of them at even distances, and some that hold data. Always in the same order; links are not followed, so there are no circles.
 */
export const find = (dir: string, limit: number): Effect.Effect<ReadonlyArray<Input>, PlatformError.PlatformError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const found = yield* fs.glob(`**/*.{${text},${data}}`, { root: dir, dot: true })
    const isData = new RegExp(`\\.(?:${data.replaceAll(",", "|")})$`)
    const names = found.filter((name) => !isData.test(name))
    const picked = limit < names.length ? Array.from({ length: limit }, (_, i) => names[Math.floor((i * names.length) / limit)]!) : names
    return [...found.filter((name) => isData.test(name)).slice(0, maxData), ...picked].map((name) => ({ name, path: join(dir, name) }))
  })

/** Inputs that fail, and one that hangs. */
export interface Trouble {
  readonly failing: ReadonlyArray<Input>
  /**
   * A pipe that nobody writes to. It belongs at the end of all inputs: in a thread, Node takes the descriptor of a pipe for open when its socket has closed it, and closes that number again with the thread. A thread that was killed
   * half-way could close a file of another one so.
   */
  readonly hanging: ReadonlyArray<Input>
}

/** Makes inputs that fail, each in its own way, in a folder that is removed when the scope closes. */
export const trouble: Effect.Effect<Trouble, PlatformError.PlatformError, FileSystem.FileSystem | Scope.Scope> = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const dir = yield* fs.makeTempDirectoryScoped({ prefix: "skein-" })
  const input = (name: string): Input => ({ name: `trouble/${name}`, path: join(dir, name) })
  const inputs: Array<Input> = []

  const pipe = input("pipe-nobody-writes-to.md")
  const hanging = (yield* makePipe(pipe.path)) ? [pipe] : []

  inputs.push(input("missing.md"))

  const dangling = input("link-to-nothing.ts")
  yield* fs.symlink(join(dir, "nothing"), dangling.path)
  const circle = input("link-to-itself.ts")
  yield* fs.symlink(circle.path, circle.path)
  const folder = input("folder.ts")
  yield* fs.makeDirectory(folder.path)
  inputs.push(dangling, circle, folder)

  // The superuser may read everything.
  if (process.getuid?.() !== 0) {
    const secret = input("secret.md")
    yield* fs.writeFileString(secret.path, "for nobody's eyes")
    yield* fs.chmod(secret.path, 0o000)
    inputs.push(secret)
  }

  inputs.push({ name: "trouble/nul-in-its-name.md", path: join(dir, "nul\0.md") })
  inputs.push({ name: "trouble/node-itself", path: process.execPath })
  return { failing: inputs, hanging }
})

/** Node has no call that makes a named pipe. Where there is no such command, there is no such trouble. */
const makePipe = (path: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    execFile("mkfifo", [path], (error) => resume(Effect.succeed(error === null)))
  })
