/**
 * Runs a program of this workspace on the project's own Node, after making sure that it is installed: `node scripts/run.mjs file [args]`.
 *
 * Why not simply `node file`: the machine's Node may be older than what the sources need, and nothing may be installed yet.
 *
 * **Signals.** The program must see each signal once, and its exit code or death is passed on.
 *
 * - Standard input is a terminal: the program stays in this process group, where it may read the terminal. Ctrl-C reaches the whole
 *   group from the kernel, so SIGINT and SIGHUP are not forwarded: the program has them already (npm sends us a second copy, too).
 *   What is not sent by a terminal, SIGTERM, is forwarded.
 * - It is not: the program gets a group of its own, so that only we get what is sent to the group, by `timeout`, a CI runner or npm's
 *   own forwarding, and each signal is forwarded; copies that arrive together are one request and are forwarded as one. What the program leaves
 *   running in its group when it ends after such a signal gets it then: a gate that was stopped leaves no compiler behind.
 */
import { spawn } from "node:child_process"
import { node24, root, setup } from "./setup.mjs"

if (!setup()) process.exit(1)

const ownGroup = process.stdin.isTTY !== true
const child = spawn(node24, process.argv.slice(2), { cwd: root, stdio: "inherit", detached: ownGroup })

const sameRequest = 1000 // ms: npm's copy comes a few milliseconds after the original, more on a busy machine
const forwarded = new Map()
const signals = ["SIGINT", "SIGTERM", "SIGHUP"]
const onSignal = (signal) => {
  if (!ownGroup && signal !== "SIGTERM") return
  const now = performance.now()
  if (now - (forwarded.get(signal) ?? -Infinity) < sameRequest) return
  forwarded.set(signal, now)
  child.kill(signal)
}
for (const signal of signals) process.on(signal, onSignal)

const signalGroup = (signal) => {
  try {
    process.kill(-child.pid, signal)
  } catch {
    // nobody is left in it, as it should be
  }
}

child.on("error", (error) => {
  process.stderr.write(`skein: cannot start ${node24}: ${error.message}\n`)
  process.exitCode = 1
})
child.on("exit", (code, signal) => {
  if (ownGroup && forwarded.size > 0) signalGroup([...forwarded.keys()].at(-1))
  if (signal === null) {
    process.exitCode = code
    return
  }
  // It died by a signal: so do we, that whoever started us sees the same.
  for (const name of signals) process.removeListener(name, onSignal)
  process.kill(process.pid, signal)
})
