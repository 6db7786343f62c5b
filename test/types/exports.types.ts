/** What can be imported from the packages, and what cannot. */
import * as Outcome from "@skein/core/Outcome"
import type { Outcome as Same } from "@skein/core"
// @ts-expect-error internal modules are closed by the export map
import * as check from "@skein/core/internal/check"
// @ts-expect-error a folder's index has one name, `@skein/core/testing`
import * as testing from "@skein/core/testing/index"

// The module and the namespace of the main entry are the same.
export const outcome: Same.Outcome<number> = new Outcome.Completed({ index: 0, attempts: 1 }, 1, false)
export const closed = [check, testing]
