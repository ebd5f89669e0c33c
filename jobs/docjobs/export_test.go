package docjobs

// MemoryOfItems is for the tests.
const MemoryOfItems = memoryOfItems
