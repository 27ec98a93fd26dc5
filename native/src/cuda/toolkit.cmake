# Whether the CUDA device is built, by SHOWTELL_CUDA: OFF forbids it, ON demands it, AUTO builds it where nvcc can. Includes
# set showtell_cuda_reason to why it is not, or to nothing and the language CUDA to enabled.

# What prebuilt binaries are built for: code for every generation from Turing on; the last one also as PTX, for devices to
# come.
set(showtell_all_cuda_architectures 75-real 80-real 86-real 89-real 90a-real 100-real 120)

# CUDACXX, CMAKE_CUDA_COMPILER, PATH, and where the toolkit installs itself.
function(showtell_find_nvcc out)
  if(CMAKE_CUDA_COMPILER)
    set(${out} ${CMAKE_CUDA_COMPILER} PARENT_SCOPE)
  elseif(DEFINED ENV{CUDACXX})
    set(${out} $ENV{CUDACXX} PARENT_SCOPE)
  else()
    find_program(found_nvcc nvcc HINTS $ENV{CUDA_PATH}/bin /usr/local/cuda/bin)
    set(${out} ${found_nvcc} PARENT_SCOPE)
    unset(found_nvcc CACHE)  # it may be installed later
  endif()
endfunction()

# The architectures that the variable stands for; AUTO: this machine's GPUs, or, where there is none, Ampere's code and
# PTX, which newer devices compile when they first meet it.
function(showtell_cuda_architectures out)
  set(found ${SHOWTELL_CUDA_ARCHITECTURES})
  if(found STREQUAL "all")
    set(found ${showtell_all_cuda_architectures})
  elseif(found STREQUAL "AUTO")
    set(found "")
    execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
      RESULT_VARIABLE result OUTPUT_VARIABLE capabilities ERROR_QUIET)
    if(result EQUAL 0)
      string(REGEX MATCHALL "[0-9]+\\.[0-9]" capabilities "${capabilities}")
      foreach(capability IN LISTS capabilities)
        string(REPLACE "." "" capability ${capability})
        if(capability STREQUAL "90")
          set(capability 90a)  # wgmma exists there alone
        endif()
        list(APPEND found ${capability}-real)
      endforeach()
      list(REMOVE_DUPLICATES found)
    endif()
    if(NOT found)
      set(found 80)
    endif()
  endif()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# Why nvcc cannot build a program, as one line; nothing where it can. Everything that enabling the language would die of
# is tried outside of this project.
function(showtell_try_nvcc nvcc architectures out)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/try-nvcc)
  file(REMOVE_RECURSE ${folder})
  file(WRITE ${folder}/CMakeLists.txt
    "cmake_minimum_required(VERSION 3.20)\nproject(try LANGUAGES CXX CUDA)\nset(CMAKE_CUDA_STANDARD 17)\n"
    "find_package(CUDAToolkit REQUIRED)\nadd_executable(try try.cu)\ntarget_link_libraries(try CUDA::cudart_static)\n")
  file(WRITE ${folder}/try.cu
    "#include <cuda_fp16.h>\n__global__ void kernel(half* p) { *p = __float2half(1); }\nint main() { kernel<<<1, 1>>>(nullptr); }\n")
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${folder} -B ${folder}/build -G ${CMAKE_GENERATOR} -DCMAKE_MAKE_PROGRAM=${CMAKE_MAKE_PROGRAM}
      -DCMAKE_CUDA_COMPILER=${nvcc} "-DCMAKE_CUDA_ARCHITECTURES=${architectures}"
    COMMAND_ECHO NONE RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result EQUAL 0)
    execute_process(COMMAND ${CMAKE_COMMAND} --build ${folder}/build
      RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  endif()
  set(reason "")
  if(NOT result EQUAL 0)
    # nvcc's own words say more than CMake's about them.
    set(reason "CMake ${CMAKE_VERSION} cannot use ${nvcc}")
    execute_process(COMMAND ${nvcc} -std=c++17 -o ${folder}/try ${folder}/try.cu
      RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT result EQUAL 0)
      string(REGEX REPLACE "\n.*" "" first_line "${output}")
      string(REGEX REPLACE "[\"'\\;$#]" "" first_line "${first_line}")  # it becomes a string of the addon
      if(first_line STREQUAL "")
        set(first_line ${result})  # it could not even be started
      endif()
      set(reason "${nvcc} cannot build a program (${first_line})")
    endif()
  endif()
  file(REMOVE_RECURSE ${folder})
  set(${out} "${reason}" PARENT_SCOPE)
endfunction()

set(showtell_cuda_reason "")
if(SHOWTELL_CUDA STREQUAL "OFF")
  set(showtell_cuda_reason "SHOWTELL_CUDA is OFF")
  return()
endif()
showtell_find_nvcc(showtell_nvcc)
if(NOT showtell_nvcc)
  set(showtell_cuda_reason "no nvcc was found (CUDACXX names one)")
else()
  showtell_cuda_architectures(showtell_cuda_architectures)
  # What was tried once with success need not be tried again; what failed may have been mended.
  if(NOT showtell_tried_nvcc STREQUAL "${showtell_nvcc} ${showtell_cuda_architectures}")
    showtell_try_nvcc(${showtell_nvcc} "${showtell_cuda_architectures}" showtell_cuda_reason)
  endif()
endif()
if(showtell_cuda_reason STREQUAL "")
  set(showtell_tried_nvcc "${showtell_nvcc} ${showtell_cuda_architectures}" CACHE INTERNAL "nvcc that built a program")
  set(CMAKE_CUDA_COMPILER ${showtell_nvcc})
  set(CMAKE_CUDA_ARCHITECTURES ${showtell_cuda_architectures})
  set(CMAKE_CUDA_STANDARD 17)
  set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
  message(STATUS "CUDA device: built by ${showtell_nvcc} for ${showtell_cuda_architectures}")
elseif(SHOWTELL_CUDA STREQUAL "ON")
  message(FATAL_ERROR "Expected a usable nvcc for SHOWTELL_CUDA=ON but ${showtell_cuda_reason}. Hint: install the CUDA toolkit "
    "or set CUDACXX.")
else()
  message(STATUS "CUDA device: not built, ${showtell_cuda_reason}; the CPU device is built alone")
endif()
