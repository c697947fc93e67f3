package conf

// Version is the version of the library. Everything that names it takes it from here, or is compared with it in a test:
// include/jia.h, the packages, the manual pages.
const Version = "3.0.0"
