// ebb study init: a study file to start from.
#pragma once

#include "cli/command.h"

namespace ebb {

void AddStudyInit(CLI::App& study, CommandBody& body);

}  // namespace ebb
