/* vergence eval: a policy or a baseline on seeds of its own. */
#include "cli/cli.h"

#include <math.h>
#include <string.h>

json_t *vg_eval_json(const vg_eval_result *r) {
    json_t *mpjpe = json_object();
    json_object_set_new(mpjpe, "mean", vg_json_number(r->mpjpe_mm.mean));
    json_object_set_new(mpjpe, "std", vg_json_number(r->mpjpe_mm.std));
    json_object_set_new(mpjpe, "median", vg_json_number(r->mpjpe_mm.median));
    json_object_set_new(mpjpe, "p95", vg_json_number(r->mpjpe_mm.p95));
    json_t *reward = json_object();
    json_object_set_new(reward, "mean", vg_json_number(r->team_reward));
    json_t *violations = json_object();
    json_object_set_new(violations, "box", json_integer(r->violations_box));
    json_object_set_new(violations, "camera_camera", json_integer(r->violations_camera_camera));
    json_object_set_new(violations, "camera_person", json_integer(r->violations_camera_person));
    json_object_set_new(violations, "camera_obstacle", json_integer(r->violations_camera_obstacle));
    json_t *out = json_object();
    json_object_set_new(out, "policy", json_string(r->policy));
    json_object_set_new(out, "scene", json_string(r->scene));
    json_object_set_new(out, "cameras", json_integer(r->cameras));
    json_object_set_new(out, "people", json_integer(r->people));
    json_object_set_new(out, "episodes", json_integer(r->episodes));
    json_object_set_new(out, "steps", json_integer(r->steps));
    json_object_set_new(out, "mpjpe_mm", mpjpe);
    json_object_set_new(out, "success_rate", vg_json_number(r->success_rate));
    json_object_set_new(out, "pck150", vg_json_number(r->pck150));
    json_object_set_new(out, "lost_joint_ratio", vg_json_number(r->lost_joint_ratio));
    json_object_set_new(out, "team_reward", reward);
    json_object_set_new(out, "violations", violations);
    json_object_set_new(out, "steps_per_second", vg_json_number(r->steps_per_second));
    return out;
}

static void print_text(const vg_eval_result *r) {
    printf("policy            %s\n", r->policy);
    printf("scene             %s, %d cameras, %d people\n", r->scene, r->cameras, r->people);
    printf("episodes          %d (%lld steps, %.0f a second)\n", r->episodes, (long long)r->steps, r->steps_per_second);
    printf("MPJPE             %.1f mm mean, %.1f std over episodes, %.1f median, %.1f p95\n", r->mpjpe_mm.mean,
           r->mpjpe_mm.std, r->mpjpe_mm.median, r->mpjpe_mm.p95);
    printf("success rate      %.1f %% (MPJPE <= 200 mm)\n", r->success_rate * 100);
    printf("PCK at 150 mm     %.1f %%\n", r->pck150 * 100);
    printf("lost joints       %.2f %%\n", r->lost_joint_ratio * 100);
    printf("team reward       %.4f\n", r->team_reward);
    printf("violations        box %lld, camera-camera %lld, camera-person %lld, camera-obstacle %lld\n",
           (long long)r->violations_box, (long long)r->violations_camera_camera, (long long)r->violations_camera_person,
           (long long)r->violations_camera_obstacle);
}

int vg_cmd_eval(int argc, char **argv) {
    vg_eval_config config = vg_eval_config_default();
    config.policy = NULL;
    bool json = false;
    const char *preset = "default";
    int32_t envs = 0;
    vg_texts pairs = {0};
    const vg_option options[] = {
        {"policy", VG_OPTION_TEXT, &config.policy, 0, 0, "NAME|PATH",
         "fixed, orbit, greedy, plan, a run's folder or a policy file"},
        {"scene", VG_OPTION_TEXT, &config.world.scene, 0, 0, "NAME|PATH", "a scene (blank)"},
        {"cameras", VG_OPTION_INT, &config.world.cameras, 1, VG_MAX_CAMERAS, "N", "size of the team (4)"},
        {"people", VG_OPTION_INT, &config.world.people, 1, VG_MAX_PEOPLE, "N", "people, the target included (6)"},
        {"episodes", VG_OPTION_INT, &config.episodes, 1, 1000000, "N", "episodes"},
        {"episode-steps", VG_OPTION_INT, &config.episode_steps, 1, 1000000, "N", "steps of an episode (500)"},
        {"seed", VG_OPTION_UINT64, &config.seed, 0, 18446744073709551615.0, "N",
         "every episode's seed follows from it"},
        {"preset", VG_OPTION_TEXT, &preset, 0, 0, "NAME", "default or paper"},
        {"motion", VG_OPTION_TEXT, &config.world.motion, 0, 0, "FILE.bvh", "people replay this motion"},
        {"miss-rate", VG_OPTION_REAL, &config.world.miss_rate, 0, 1, "X", "share of people a camera misses in a frame"},
        {"swap-rate", VG_OPTION_REAL, &config.world.swap_rate, 0, 1, "X", "share of neighbours swapped"},
        {"endpoint", VG_OPTION_TEXT, &config.world.endpoint, 0, 0, "ADDRESS",
         "a world elsewhere: tcp://HOST:PORT or ipc:///PATH; a game: unrealcv://HOST:PORT or unrealcv:///PATH"},
        {"envs", VG_OPTION_INT, &envs, 1, 256, "N", "games at --endpoint and the numbers after it (1)"},
        {"set", VG_OPTION_LIST, &pairs, 0, 0, "KEY=VALUE",
         "at an endpoint: any key of section game, and those of world that concern it"},
        {"threads", VG_OPTION_INT, &config.threads, 0, 256, "N", "worker threads; 0: one a core"},
        {"json", VG_OPTION_FLAG, &json, 0, 0, "", "print JSON"},
        {0}};
    const vg_usage usage = {"vergence eval --policy NAME|PATH [OPTIONS]",
                            "Measures a policy or a baseline, in the embedded simulator or at --endpoint, on seeds "
                            "that training never draws.",
                            options, 0};
    int code;
    if (!vg_options_begin(&usage, argc, argv, NULL, &code)) return code;
    if (!config.policy) {
        fputs("vergence: --policy is missing: fixed, orbit, greedy, plan, a run's folder or a policy file\n", stderr);
        return VG_EXIT_USAGE;
    }
    if (strcmp(preset, "paper") != 0 && strcmp(preset, "default") != 0) {
        fprintf(stderr, "vergence: --preset is `%.80s`; it must be default or paper\n", preset);
        return VG_EXIT_USAGE;
    }
    const vg_log log = {stderr, VG_LOG_WARN};
    config.world.preset = strcmp(preset, "paper") == 0 ? VG_PRESET_PAPER : VG_PRESET_DEFAULT;
    vg_error err = {0};
    vg_eval_result result;
    vg_session_config settings = vg_session_config_default((vg_preset)config.world.preset);
    vg_status status = vg_set_pairs(&settings, &pairs, &err);
    if (status != VG_OK) return vg_report_error(status, &err);
    if (config.world.endpoint) {
        const vg_world_config set = vg_session_config_world(&settings, &log);
        config.world.kind = vg_world_kind_of_endpoint(config.world.endpoint);
        config.world.envs = envs;
        config.world.keypoints = set.keypoints, config.world.game = set.game, config.world.log = &log;
        config.world.timeout_seconds = set.timeout_seconds, config.world.reconnect_seconds = set.reconnect_seconds;
        config.world.save_images = set.save_images, config.world.images = set.images;
        config.world.shared_memory = set.shared_memory;
    }
    status = vg_evaluate(&result, &config, &err);
    if (status != VG_OK) return vg_report_error(status, &err);
    if (json)
        vg_json_print(vg_eval_json(&result));
    else
        print_text(&result);
    return VG_EXIT_OK;
}
