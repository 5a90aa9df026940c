#include "sources/image.h"
