#include "ext4/ext4.h"
