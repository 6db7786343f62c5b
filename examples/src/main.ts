/** Holds the place of the main example: a bounded-parallel pipeline over real files. */
console.log("The main example is not here yet.")
