/** Builds the packages and packs them, as they would be published, into a folder: `pack.mjs folder`. */
import { mkdirSync, readdirSync } from "node:fs"
import { spawnSync } from "node:child_process"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { build, commands, packages } from "./build.mjs"

/** Gives the paths of the tarballs by package. */
export const pack = (folder) => {
  mkdirSync(folder, { recursive: true })
  const tarballs = {}
  for (const name of [...packages, ...commands]) {
    // Through npx, since pnpm need not be on the machine.
    const done = spawnSync("npx", ["--yes", "pnpm@12", "pack", "--pack-destination", resolve(folder)], {
      cwd: `packages/${name}`,
      encoding: "utf8"
    })
    const file = readdirSync(folder).find((file) => file.startsWith(`skein-${name}-`) && file.endsWith(".tgz"))
    if (done.status !== 0 || file === undefined)
      throw new Error(`packing ${name} failed:\n${done.stdout}${done.stderr}${done.error?.message ?? ""}`)
    tarballs[name] = resolve(folder, file)
  }
  return tarballs
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (build()) pack(process.argv[2])
  else process.exitCode = 1
}
