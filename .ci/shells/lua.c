/* A line, its answer, the next line: Lua by hand. Its own such program is not in the package. */

#include <stdio.h>
#include <string.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

/* Compiles what has been typed: as an expression whose value is wanted, or else as statements. */
static int compile(lua_State *lua, const char *typed) {
    lua_pushfstring(lua, "return %s", typed);
    const char *expression = lua_tostring(lua, -1);
    int status = luaL_loadbuffer(lua, expression, strlen(expression), "=stdin");
    lua_remove(lua, -2);
    if (status != LUA_OK) {
        lua_pop(lua, 1);
        status = luaL_loadbuffer(lua, typed, strlen(typed), "=stdin");
    }
    return status;
}

/* Whether it only failed to compile because more lines belong to it. */
static int is_incomplete(lua_State *lua, int status) {
    return status == LUA_ERRSYNTAX && strstr(lua_tostring(lua, -1), "near <eof>") != NULL;
}

static void print_results(lua_State *lua) {
    int count = lua_gettop(lua);
    if (count > 0) {
        lua_getglobal(lua, "print");
        lua_insert(lua, 1);
        lua_call(lua, count, 0);
    }
}

int main(void) {
    static char typed[65536];
    size_t length = 0;
    lua_State *lua = luaL_newstate();
    luaL_openlibs(lua);
    puts(LUA_RELEASE);
    for (;;) {
        fputs(length == 0 ? "> " : ">> ", stdout);
        fflush(stdout);
        if (fgets(typed + length, (int)(sizeof typed - length), stdin) == NULL) {
            break;
        }
        length += strlen(typed + length);
        int status = compile(lua, typed);
        if (is_incomplete(lua, status) && length + 1 < sizeof typed) {
            lua_settop(lua, 0);
            continue;
        }
        length = 0;
        if (status == LUA_OK) {
            status = lua_pcall(lua, 0, LUA_MULTRET, 0);
        }
        if (status == LUA_OK) {
            print_results(lua);
        } else {
            printf("error: %s\n", luaL_tolstring(lua, -1, NULL));
        }
        lua_settop(lua, 0);
    }
    lua_close(lua);
    puts("bye");
    return 0;
}
