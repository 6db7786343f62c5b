/** The version that is in package.json; a test compares the two, so that the bundle need not read a file. */
export const version = "0.1.0"
