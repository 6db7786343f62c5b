/** What the system says when output cannot be kept, in the words of this module. */
import * as Data from "effect/Data"

/**
 * Why output could not be kept, or not be read again. `code` is the system's own word.
 *
 * | tag | meaning | again |
 * | --- | --- | --- |
 * | `Full` | there is no room, or a file may not be so long | when there is |
 * | `Denied` | this user may not | never |
 * | `Busy` | too many open files | soon |
 * | `NotAFile` | there is something else at the path | never |
 * | `NotFound` | nothing is there that could be read | when it has been made |
 * | `Failed` | the system has another reason | as the cause says |
 *
 * @category errors
 * @since 0.1.0
 */
export type Reason = {
  readonly _tag: "Full" | "Denied" | "Busy" | "NotAFile" | "NotFound" | "Failed"
  readonly code: string
  readonly cause: unknown
}

/**
 * Output could not be kept in its file. What the file holds is the beginning of what was written, whole up to its end.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutputFileError extends Data.TaggedError("OutputFileError")<{ readonly path: string; readonly reason: Reason }> {
  override get message(): string {
    const { path, reason } = this
    return `${path}: ${words[reason._tag] ?? String(reason.cause instanceof Error ? reason.cause.message : reason.cause)}`
  }
}

const words: { readonly [Tag in Reason["_tag"]]: string | undefined } = {
  Full: "no room for it",
  Denied: "this user may not",
  Busy: "too many open files",
  NotAFile: "something else is there",
  NotFound: "nothing there",
  Failed: undefined
}

const tags: { readonly [code: string]: Reason["_tag"] } = {
  ENOSPC: "Full",
  EDQUOT: "Full",
  EFBIG: "Full",
  EACCES: "Denied",
  EPERM: "Denied",
  EROFS: "Denied",
  EMFILE: "Busy",
  ENFILE: "Busy",
  EISDIR: "NotAFile",
  ENOTDIR: "NotAFile",
  EEXIST: "NotAFile",
  ESPIPE: "NotAFile",
  ENXIO: "NotAFile",
  ENOENT: "NotFound"
}

export const errorOf = (path: string, cause: unknown): OutputFileError => {
  const { code = "UNKNOWN" } = cause as NodeJS.ErrnoException
  return new OutputFileError({ path, reason: { _tag: tags[code] ?? "Failed", code, cause } })
}
