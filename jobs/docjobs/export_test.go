package docjobs

// MemoryOfItems exports memoryOfItems.
const MemoryOfItems = memoryOfItems
