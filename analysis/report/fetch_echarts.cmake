# cmake -DNPM=npm -DFROM=folder of package.json -DTO=build folder -P fetch_echarts.cmake
# Installs the chart library as package-lock.json pins it.
file(MAKE_DIRECTORY ${TO})
file(COPY ${FROM}/package.json ${FROM}/package-lock.json DESTINATION ${TO})
execute_process(COMMAND ${NPM} ci --prefer-offline --ignore-scripts --no-audit --no-fund --loglevel=error
  WORKING_DIRECTORY ${TO} RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(failed)
  message(FATAL_ERROR "npm could not fetch the report's chart library, echarts (a network is needed once):\n${said}")
endif()
file(TOUCH ${TO}/node_modules/echarts/dist/echarts.min.js)
