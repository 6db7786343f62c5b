/**
 * Installs the workspace when it is not installed as the lockfile says; does nothing, in a few milliseconds, when it is.
 *
 * Why: `npm start` and `npm test` must work alone on a fresh clone, on a machine that has only npm and an older Node. So this file and
 * `run.mjs` use nothing but Node's own modules and run on Node 20; everything else may count on Node 24 and on the dependencies.
 *
 * The stamp holds a hash of what decides the installation, not a time: `git checkout` changes times. It lies in `node_modules`, so that
 * it goes when `node_modules` goes, and is written last, so that an installation that was cut short is done again.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

export const root = resolve(fileURLToPath(import.meta.url), "../..")

/** The project's own Node: the npm package `node`, whatever Node the machine has. */
export const node24 = join(root, "node_modules/.bin/node")

const stampFile = join(root, "node_modules/.skein-setup")

const fingerprint = () => {
  const folders = ["bench", "examples", "test", ...readdirSync(join(root, "packages")).map((name) => `packages/${name}`)]
  const manifests = folders.map((folder) => `${folder}/package.json`)
  const hash = createHash("sha256")
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json", ...manifests.sort()]) {
    const path = join(root, file)
    if (existsSync(path)) hash.update(file).update("\0").update(readFileSync(path)).update("\0")
  }
  return hash.digest("hex")
}

const isReady = (wanted) => existsSync(node24) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted

/**
 * Two first commands at a time must not both write `node_modules`: the second waits for the first, and then mostly finds its work done. A lock whose
 * owner is gone is no lock.
 */
const lockFile = join(root, ".cache/setup.lock")

const isAlive = (pid) => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === "EPERM"
  }
}

const ownerIsGone = () => {
  try {
    const owner = Number(readFileSync(lockFile, "utf8"))
    return owner > 0 && !isAlive(owner)
  } catch {
    return false // it was released just now
  }
}

const lock = () => {
  mkdirSync(join(root, ".cache"), { recursive: true })
  const cell = new Int32Array(new SharedArrayBuffer(4))
  for (;;) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: "wx" })
      return
    } catch (error) {
      if (error.code !== "EEXIST") throw error
    }
    if (ownerIsGone()) rmSync(lockFile, { force: true })
    else Atomics.wait(cell, 0, 0, 200)
  }
}

/** Gives whether all is installed. If not, it has said why, and the exit code is set. */
export const setup = () => {
  if (isReady(fingerprint())) return true
  lock()
  try {
    install()
    return true
  } catch (error) {
    process.stderr.write(`skein: ${error.message}\n`)
    process.exitCode = 1
    return false
  } finally {
    rmSync(lockFile, { force: true })
  }
}

const install = () => {
  const wanted = fingerprint()
  if (isReady(wanted)) return
  process.stderr.write("skein: installing dependencies (once; about half a minute)\n")
  const started = Date.now()
  const done = spawnSync("npx", ["--yes", "pnpm@12", "install", "--frozen-lockfile"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    // CI: pnpm asks no question, and replaces a stale node_modules without waiting for an answer that nobody gives.
    env: { ...process.env, CI: "true" }
  })
  if (done.error !== undefined || done.status !== 0) {
    process.stderr.write(`${done.stdout ?? ""}${done.stderr ?? ""}`)
    throw new Error(`installation failed (${done.error?.message ?? `exit code ${done.status ?? done.signal}`})`)
  }
  writeFileSync(stampFile, wanted)
  process.stderr.write(`skein: installed in ${Math.round((Date.now() - started) / 1000)} s\n`)
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) setup()
