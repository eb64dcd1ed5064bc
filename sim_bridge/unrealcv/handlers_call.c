/* Functions of objects: `vbp OBJECT FUNCTION ...` answers the function's outputs as JSON, `vexec` answers ok. The functions
 * are those that the blueprints of published environments have. What an empty world has no use for (clothes, animations,
 * vehicles) is accepted and changes nothing; what would have to succeed at something says that it did not. */
#include "common/random.h"
#include "sim_bridge/unrealcv/coords.h"
#include "sim_bridge/unrealcv/handlers.h"

#include <math.h>
#include <string.h>

/* A call of a function of one actor: its leading arguments as numbers. */
typedef struct function_call {
    ucv_call *call;
    ucv_actor *actor;
    double value[UCV_ARGS];
    int values;
} function_call;

static double value_at(const function_call *f, int i) {
    return i < f->values ? f->value[i] : 0;
}

static bool is_person(const function_call *f) {
    return f->actor->kind == UCV_PERSON;
}

static ucv_person *person_of(const function_call *f) {
    return &f->call->game->person[f->actor->person];
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

static void answer(function_call *f) {
    if (f->call->detail)
        ucv_say(f->call, "{\r\n}");
    else
        ucv_ok(f->call);
}

static void answer_text(function_call *f, const char *key, const char *value) {
    if (f->call->detail)
        ucv_print(f->call->out, "{\r\n\t\"%s\": \"%s\"\r\n}", key, value);
    else
        ucv_ok(f->call);
}

static void answer_number(function_call *f, const char *key, double value) {
    char text[64];
    snprintf(text, sizeof text, "%f", value);
    answer_text(f, key, text);
}

/* A place of our world as Unreal prints a vector. */
static void answer_place(function_call *f, const char *key, const double at[2]) {
    char text[128];
    const double world[3] = {at[0], at[1], 0};
    double place[3];
    ucv_from_world(place, world);
    snprintf(text, sizeof text, "X=%.3f Y=%.3f Z=%.3f", place[0], place[1], f->actor->location[2]);
    answer_text(f, key, text);
}

/* --- movement ------------------------------------------------------------------------------------------------------ */

static void place_of(const function_call *f, double at[2]) {
    double world[3];
    ucv_to_world(world, f->actor->location);
    at[0] = world[0], at[1] = world[1];
}

static void into_area(const ucv_game *g, double at[2]) {
    const vg_world_info *info = &g->world->info;
    for (int k = 0; k < 2; k++) at[k] = fmin(fmax(at[k], (double)info->area_low[k]), (double)info->area_high[k]);
}

/* Turns by `angle` degrees to the right at once, then goes ahead at `speed` cm/s (people as far as the area goes). */
static void go_ahead(function_call *f, double angle, double speed) {
    ucv_game *g = f->call->game;
    ucv_actor *a = f->actor;
    vg_error err = {0};
    ucv_game_start(g);
    a->rotation[1] += angle;
    if (!is_person(f)) {
        a->velocity = a->kind == UCV_BOX ? speed : 0;
        g->stale = true;
        return;
    }
    ucv_person_place(g, a, &err);
    person_of(f)->gait = UCV_GAIT_STAND;
    if (speed <= 0) return;
    double goal[2];
    place_of(f, goal);
    const double heading = ucv_heading_of_yaw(a->rotation[1]);
    goal[0] += 50 * cos(heading), goal[1] += 50 * sin(heading);
    into_area(g, goal);
    person_of(f)->pace = speed / 100;
    ucv_person_goal(g, a, goal, &err);
}

/* Two arguments: angle, speed. Four: velocity ahead and aside, up, turn. */
static void set_move(function_call *f) {
    if (f->values >= 4)
        go_ahead(f, f->value[3], hypot(f->value[0], f->value[1]));
    else
        go_ahead(f, value_at(f, 0), value_at(f, 1));
    answer(f);
}

static void move_forward(function_call *f) {
    go_ahead(f, 0, is_person(f) ? person_of(f)->pace * 100 : 100);
    answer(f);
}

static void walk_to(function_call *f, const double goal[2]) {
    vg_error err = {0};
    ucv_game_start(f->call->game);
    if (is_person(f) && ucv_person_goal(f->call->game, f->actor, goal, &err) != VG_OK)
        ucv_error(f->call, "%s", err.message);
    else
        answer(f);
}

static void step_forward(function_call *f) { /* seconds, 0 ahead or 1 back */
    double goal[2];
    place_of(f, goal);
    const double way = value_at(f, 0) * (is_person(f) ? person_of(f)->pace : 1);
    const double heading = ucv_heading_of_yaw(f->actor->rotation[1]) + (value_at(f, 1) != 0 ? VG_PI : 0);
    goal[0] += way * cos(heading), goal[1] += way * sin(heading);
    into_area(f->call->game, goal);
    walk_to(f, goal);
}

static void turn_to(function_call *f, double pitch, double yaw, double roll) {
    ucv_actor *a = f->actor;
    vg_error err = {0};
    a->rotation[0] = pitch, a->rotation[1] = yaw, a->rotation[2] = roll;
    if (is_person(f)) ucv_person_place(f->call->game, a, &err);
    f->call->game->stale = true;
    answer(f);
}

static void turn(function_call *f) { /* duration, angle, side: the angle is signed already */
    const double *now = f->actor->rotation;
    turn_to(f, now[0], now[1] + value_at(f, 1), now[2]);
}

static void set_rotation(function_call *f) { /* roll pitch yaw */
    turn_to(f, value_at(f, 1), value_at(f, 2), value_at(f, 0));
}

static void stand(function_call *f) {
    if (is_person(f)) person_of(f)->gait = UCV_GAIT_STAND;
    f->actor->velocity = f->actor->turn = 0;
    answer(f);
}

static void walk_on(function_call *f) {
    if (is_person(f)) person_of(f)->gait = UCV_GAIT_SIM;
    ucv_game_start(f->call->game);
    answer(f);
}

static void move_to(function_call *f) {
    const double goal[2] = {value_at(f, 0) / 100, -value_at(f, 1) / 100};
    walk_to(f, goal);
}

static void nav_to_target(function_call *f) { /* name, distance: to where the other is now */
    const ucv_actor *target = f->call->count > 2 ? ucv_find(f->call->game, f->call->arg[2]) : NULL;
    if (!target) {
        ucv_error(f->call, "Can not find object");
        return;
    }
    double gap = 200, from[2], world[3];
    if (f->call->count > 3) vg_span_double(f->call->arg[3], &gap);
    place_of(f, from);
    ucv_to_world(world, target->location);
    const double way = hypot(world[0] - from[0], world[1] - from[1]);
    const double share = way > 0 ? fmax(1 - gap / 100 / way, 0) : 0;
    double goal[2] = {from[0] + share * (world[0] - from[0]), from[1] + share * (world[1] - from[1])};
    into_area(f->call->game, goal);
    walk_to(f, goal);
}

/* --- walking at random --------------------------------------------------------------------------------------------- */

static void roam(function_call *f, double radius_cm) {
    const vg_world_info *info = &f->call->game->world->info;
    const double middle[2] = {((double)info->area_low[0] + (double)info->area_high[0]) / 2,
                              ((double)info->area_low[1] + (double)info->area_high[1]) / 2};
    if (is_person(f)) ucv_person_roam(f->call->game, f->actor, middle, fmax(radius_cm, 0) / 100, false);
}

static void set_walk_radius(function_call *f) {
    roam(f, value_at(f, 0));
    ucv_game_start(f->call->game);
    answer(f);
}

/* Speeds take over from the simulator, which has paces of its own. */
static void take_over(function_call *f) {
    const vg_world_info *info = &f->call->game->world->info;
    if (person_of(f)->gait == UCV_GAIT_SIM) roam(f, 50 * ((double)info->area_high[0] - (double)info->area_low[0]));
}

static void set_dilation(function_call *f) {
    if (is_person(f)) {
        person_of(f)->dilation = fmax(value_at(f, 0), 0);
        if (person_of(f)->dilation != 1) take_over(f);
    }
    answer(f);
}

static void set_speed(function_call *f) {
    if (is_person(f)) {
        person_of(f)->pace = fmax(value_at(f, 0), 0) / 100;
        take_over(f);
    }
    answer(f);
}

static void nav_random(function_call *f) { /* radius, whether to go on and on */
    double at[2];
    place_of(f, at);
    into_area(f->call->game, at);
    if (is_person(f)) {
        const bool loop = f->call->count > 3 && (value_at(f, 1) != 0 || vg_span_is(f->call->arg[3], "True"));
        ucv_person_roam(f->call->game, f->actor, at, fmax(value_at(f, 0), 0) / 100, !loop);
        memcpy(at, person_of(f)->goal, sizeof at);
    }
    ucv_game_start(f->call->game);
    answer_place(f, "nav_goal", at);
}

static void generate_nav_goal(function_call *f) { /* largest and smallest distance */
    ucv_game *g = f->call->game;
    double at[2];
    place_of(f, at);
    vg_rng rng = vg_rng_at(g->seed, 0xfffe, g->draws++, VG_DRAW_WALK);
    const double low = value_at(f, 1) / 100, high = fmax(value_at(f, 0) / 100, low);
    const double r = low + (high - low) * (double)vg_rng_uniform(&rng);
    const double heading = 2 * VG_PI * (double)vg_rng_uniform(&rng);
    at[0] += r * cos(heading), at[1] += r * sin(heading);
    into_area(g, at);
    answer_place(f, "nav_goal", at);
}

/* --- questions ----------------------------------------------------------------------------------------------------- */

static void get_speed(function_call *f) {
    const ucv_game *g = f->call->game;
    double speed = f->actor->velocity;
    if (is_person(f)) {
        const float *from = g->before.at[f->actor->person], *to = g->after.at[f->actor->person];
        speed = hypot((double)to[0] - (double)from[0], (double)to[1] - (double)from[1]) * 1e11 / (double)g->step_ns;
    }
    answer_number(f, "Speed", speed);
}

static void get_angle(function_call *f) {
    answer_number(f, "Angle", f->actor->rotation[1]);
}

static void get_hit(function_call *f) {
    answer_text(f, "Hit", "0");
}

static void is_picked(function_call *f) {
    answer_text(f, "IsPicked", "0");
}

static void is_carrying(function_call *f) {
    answer_text(f, "IsCarrying", "0");
}

static void get_collisions(function_call *f) {
    if (f->call->detail)
        ucv_say(f->call,
                "{\r\n\t\"HumanCollision\": \"0\",\r\n\t\"ObjectCollision\": \"0\",\r\n\t\"BuildingCollision\": "
                "\"0\",\r\n\t\"VehicleCollision\": \"0\"\r\n}");
    else
        ucv_ok(f->call);
}

static void fail(function_call *f) { /* nothing here can be picked up, entered or sat on */
    answer_text(f, "Success", "false");
}

static void destroy(function_call *f) {
    if (ucv_destroy_object(f->call, f->actor)) answer(f);
}

/* --- the table ----------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(function_call *f);
} functions[] = {
    {"set_move", set_move},
    {"set_speed", set_speed},
    {"set_nav_speed", set_speed},
    {"SetMaxSpeed", set_speed},
    {"set_dilation", set_dilation},
    {"set_walk_radius", set_walk_radius},
    {"move_to", move_to},
    {"move_to_goal", move_to},
    {"nav_to_goal", move_to},
    {"nav_to_target", nav_to_target},
    {"nav_random", nav_random},
    {"generate_nav_goal", generate_nav_goal},
    {"MoveForward", move_forward},
    {"StepForward", step_forward},
    {"Rotate_Angle", turn},
    {"TurnAround", turn},
    {"set_rotation", set_rotation},
    {"set_stop", stand},
    {"stop", stand},
    {"StopPedestrian", stand},
    {"StopAgent", stand},
    {"StopAction", stand},
    {"start", walk_on},
    {"MovementSimulation", walk_on},
    {"destroy", destroy},
    {"get_speed", get_speed},
    {"get_angle", get_angle},
    {"get_hit", get_hit},
    {"is_picked", is_picked},
    {"is_carrying", is_carrying},
    {"GetCollisionNum", get_collisions},
    {"SitDown", fail},
    {"StandUp", fail},
    {"PickUp", fail},
    {"DropOff", fail},
    {"EnterVehicle", fail},
    {"ExitVehicle", fail},
    {"set_rot_speed", answer},
    {"set_anim_bp", answer},
    {"set_anim_asset", answer},
    {"set_cam", answer},
    {"set_phy", answer},
    {"set_app", answer},
    {"set_mixamoapp", answer},
    {"set_acc", answer},
    {"set_maxrange", answer},
    {"set_random", answer},
    {"set_interval", answer},
    {"set_jump", answer},
    {"set_crouch", answer},
    {"set_liedown", answer},
    {"set_standup", answer},
    {"set_open_door", answer},
    {"enter_exit_car", answer},
    {"carry_body", answer},
    {"drop_body", answer},
    {"set_light", answer},
    {"set_mat", answer},
    {"set_viewport", answer},
    {"reset", answer},
    {"EnableController", answer},
    {"UpdateObjects", answer},
};

void ucv_do_call(ucv_call *call) {
    function_call f = {.call = call, .actor = ucv_find(call->game, call->arg[0])};
    if (!f.actor) {
        if (vg_span_is(call->arg[0], "PersistentLevel") || vg_span_is(call->arg[0], "LevelScriptActor_0"))
            answer(&f); /* functions of the level: there are none here */
        else
            ucv_error(call, "Can not find actor with id '%.*s'",
                      (int)(call->arg[0].size < 400 ? call->arg[0].size : 400), call->arg[0].at);
        return;
    }
    while (f.values < call->count - 2 && vg_span_double(call->arg[2 + f.values], &f.value[f.values]) &&
           fabs(f.value[f.values]) <= 1e7)
        f.values++;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (vg_span_is(call->arg[1], functions[i].name)) {
            functions[i].run(&f);
            return;
        }
    ucv_error(call, "Fail to execute the function '%.*s' of %.*s",
              (int)(call->arg[1].size < 300 ? call->arg[1].size : 300), call->arg[1].at,
              (int)(call->arg[0].size < 300 ? call->arg[0].size : 300), call->arg[0].at);
}
