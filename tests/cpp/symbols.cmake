# The objects compiled for one instruction set may export their tables and nothing else: any other function that two of
# them define could be merged by the linker and run on a machine that lacks the instructions. The pointer to the
# language's exception routine (DW.ref) is data, and the same in all.
execute_process(COMMAND ${NM} --defined-only --demangle ${LIBRARY} OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" lines "${listing}")
set(checked 0)
set(object "")
foreach(line IN LISTS lines)
  if(line MATCHES "^([A-Za-z0-9_.]+\\.o):$")
    set(object ${CMAKE_MATCH_1})
  elseif(object MATCHES "^(baseline|avx2|avx512)\\.cpp\\.o$" AND line MATCHES " [TtWwVu] (.*)$")
    set(symbol ${CMAKE_MATCH_1})
    if(line MATCHES " [TWVu] " AND NOT symbol MATCHES
        "(^DW\\.ref\\.__gxx_personality_v0$|pylinear::(kernels_(baseline|avx2|avx512)<(float|double)>|bit_kernels_(baseline|avx2|avx512|avx512_popcount))\\(\\)$)")
      message(FATAL_ERROR "${object} exports ${symbol}")
    endif()
    math(EXPR checked "${checked} + 1")
  endif()
endforeach()
if(checked LESS 6)
  message(FATAL_ERROR "found only ${checked} functions: the listing was not understood")
endif()
