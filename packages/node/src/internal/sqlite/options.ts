/** What a client can be told, and how it is read: everything is checked before a file is opened. */
import * as Settings from "@skein/core/Settings"
import type * as Duration from "effect/Duration"

/**
 * How a database is opened.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** A file, made if it is not there, or `:memory:`. */
  readonly path: string
  /**
   * Whether it may be changed. With `read` the file must be there, and its journal stays as it is.
   *
   * @default "write"
   */
  readonly access?: "write" | "read" | undefined
  /**
   * How commits are kept apart from the rest of the file. With `wal` readers and the writer do not wait for each other; the others are for file systems that have no shared memory. A database in memory has no journal.
   *
   * @default "wal"
   */
  readonly journal?: "wal" | "delete" | "truncate" | "persist" | undefined
  /**
   * What a commit survives: `normal` the death of the process, `full` also a loss of power. Neither damages the file.
   *
   * @default "normal"
   */
  readonly synchronous?: "normal" | "full" | undefined
  /**
   * How long one statement may wait for the lock of another process, in all.
   *
   * @default "10 seconds"
   */
  readonly busyTimeout?: Duration.Input | undefined
  /**
   * How many prepared statements are kept: a whole number of at least 0.
   *
   * @default 200
   */
  readonly cache?: number | undefined
  /** Gives the column's name for a name in the program: `camelToSnake`, say. */
  readonly transformQueryNames?: ((name: string) => string) | undefined
  /** Gives the name in the program for a column's name. */
  readonly transformResultNames?: ((name: string) => string) | undefined
  /** What the spans of statements carry. */
  readonly spanAttributes?: Readonly<Record<string, unknown>> | undefined
}

export interface Read {
  readonly path: string
  readonly access: "write" | "read"
  readonly journal: "wal" | "delete" | "truncate" | "persist"
  readonly synchronous: "normal" | "full"
  readonly busyMillis: number
  readonly cache: number
  readonly transformQueryNames: ((name: string) => string) | undefined
  readonly transformResultNames: ((name: string) => string) | undefined
  readonly spanAttributes: ReadonlyArray<readonly [string, unknown]>
}

const names = [
  "path",
  "access",
  "journal",
  "synchronous",
  "busyTimeout",
  "cache",
  "transformQueryNames",
  "transformResultNames",
  "spanAttributes"
]

export const read = (where: string, options: Options): Read => {
  Settings.known(where, options, names)
  const { access, busyTimeout, cache, journal, path, spanAttributes, synchronous } = options
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw Settings.mustBe(where, "path", 'the name of a file, or ":memory:"', path)
  }
  if (spanAttributes !== undefined && (typeof spanAttributes !== "object" || spanAttributes === null)) {
    throw Settings.mustBe(where, "spanAttributes", "an object", spanAttributes)
  }
  return {
    path,
    access: Settings.oneOf(where, "access", access, ["write", "read"]),
    journal: Settings.oneOf(where, "journal", journal, ["wal", "delete", "truncate", "persist"]),
    synchronous: Settings.oneOf(where, "synchronous", synchronous, ["normal", "full"]),
    busyMillis: busyTimeout === undefined ? 10_000 : Settings.millis(where, "busyTimeout", busyTimeout),
    cache: cache === undefined ? 200 : Settings.whole(where, "cache", cache, 0),
    transformQueryNames: transform(where, "transformQueryNames", options.transformQueryNames),
    transformResultNames: transform(where, "transformResultNames", options.transformResultNames),
    spanAttributes: Object.entries(spanAttributes ?? {})
  }
}

const transform = (where: string, option: string, value: unknown): ((name: string) => string) | undefined => {
  if (value === undefined || typeof value === "function") return value as ((name: string) => string) | undefined
  throw Settings.mustBe(where, option, "a function", value)
}
