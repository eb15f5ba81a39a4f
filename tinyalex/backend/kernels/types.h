// What NumPy calls them
typedef float float32;
typedef double float64;
typedef unsigned char uint8;
typedef int int32;
typedef long long int64;
