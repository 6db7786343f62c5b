/** Finds programs as a shell would, so that a program that is not there needs no process to say so. */
import * as fs from "node:fs"
import * as path from "node:path"

export type Found =
  /** What to write behind `exec`. */
  { readonly exec: string } | { readonly why: "not-found" | "denied"; readonly message: string }

/** Where neither the environment nor the job says otherwise. */
const usualPath = "/usr/local/bin:/usr/bin:/bin"

const look = (file: string): "runs" | "denied" | "missing" => {
  try {
    if (!fs.statSync(file).isFile()) return "denied"
    fs.accessSync(file, fs.constants.X_OK)
    return "runs"
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" ? "denied" : "missing"
  }
}

/** Looks now. */
export const find = (program: string, searched: string = usualPath): Found => {
  if (program.includes("/")) {
    const state = look(program)
    // A leading dash would be an option of `exec`.
    return state === "runs" ? { exec: program.startsWith("-") ? `./${program}` : program } : missing(program, state)
  }
  let denied = false
  for (const directory of program === "" ? [] : searched.split(":")) {
    const file = path.join(directory, program)
    const state = look(file)
    // By its bare name, which the program then sees as its own, as it would when started elsewhere; the shell finds the same file.
    if (state === "runs") return { exec: program.startsWith("-") ? path.resolve(file) : program }
    denied ||= state === "denied" && !isDirectory(file)
  }
  return missing(program, denied ? "denied" : "missing")
}

const isDirectory = (file: string): boolean => {
  try {
    return fs.statSync(file).isDirectory()
  } catch {
    return false
  }
}

const missing = (program: string, state: "denied" | "missing"): Found =>
  state === "denied"
    ? { why: "denied", message: `${program}: may not be run` }
    : { why: "not-found", message: `${program === "" ? "''" : program}: not found` }

/** Remembers what was found, and looks again for what was not. */
export const cached = (): typeof find => {
  const known = new Map<string, Found>()
  return (program, searched) => {
    const key = `${program}\0${searched ?? ""}`
    const before = known.get(key)
    if (before !== undefined) return before
    const found = find(program, searched)
    if ("exec" in found && known.size < 10_000) known.set(key, found)
    return found
  }
}
