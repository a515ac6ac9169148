"""The command lines of the pages that ``test_commands_run.py`` does not run: other tests run them."""

# A test that runs the command on small data -> the lines of which it runs the command.
ELSEWHERE = {
    'tests/cli/test_demo.py::test_the_demo_is_the_command_distill_on_its_videos_and_goes_on_when_it_is_run_again': [
        'kdtoolbox demo',
    ],
    'tests/pages/test_commands_run.py::test_the_commands_of_a_page_run': [
        'kdtoolbox profile my_student',  # as that of the student folder work_dirs/kd/student
    ],
    'tests/cli/test_demo_comparison.py::test_the_demo_runs_from_end_to_end': ['kdtoolbox demo --compare'],
    'tests/recipes/test_distill.py::test_a_run_that_was_ended_goes_on_with_resume_and_is_finished': [
        'kdtoolbox distill my_videos --out my_student',
        'kdtoolbox distill my_videos --out my_small_student --frames 8 --size 56 --epochs 2',
    ],
    'tests/recipes/test_distill.py::'
    'test_few_labels_make_a_probe_that_teaches_all_videos_and_a_baseline_learns_them_alone': [
        'kdtoolbox distill my_videos --out my_compared_student --baseline --epochs 2',
    ],
    'tests/recipes/test_distill.py::test_the_student_predicts_embeds_and_searches': [
        'kdtoolbox search video.mp4 --in my_student',
    ],
    'tests/recipes/test_distill.py::test_its_config_trains_like_any_other': ['kdtoolbox train my_student/config.py'],
    'tests/deployment/test_camera.py::test_a_file_that_stands_in_for_the_camera_gives_what_its_windows_give': [
        'kdtoolbox predict my_student camera:0',
    ],
    'tests/test_video_transformer_configs.py::test_the_chain_of_the_demo_goes_from_the_image_network_to_the_edge': [
        'kdtoolbox stages stages/image_to_vit_tiny_to_r3d_demo',
    ],
    'tests/test_chain_on_real_clips.py::'
    'test_the_chain_learns_from_mobilenets_map_is_fine_tuned_and_teaches_the_small_r3d': [
        'FOLDER_VIDEOS=VIDEOS FOLDER_ANNOTATIONS=split.json kdtoolbox stages stages/image_to_vit_tiny_to_r3d_folder',
    ],
    'tests/deployment/test_hub.py::test_a_refusal_of_the_hub_is_one_line_that_says_what_to_do': [
        'kdtoolbox export my_student --out exported --push-to-hub OWNER/NAME',
    ],
    'tests/cache_writing/test_on_a_cluster.py::test_the_workers_of_a_cluster_write_the_cache_that_one_process_writes': [
        'kdtoolbox cache kd_cached_r2d_to_r3d_hmdb51 --scheduler tcp://head:8786',
    ],
    'tests/profiling/test_profile.py::test_the_example_shows_student_and_teacher_side_by_side_in_both_runtimes': [
        'kdtoolbox profile kd_r2d_to_r3d_hmdb51',
        'kdtoolbox profile CONFIG',
    ],
    'tests/cli/test_reproduce.py::test_one_command_trains_tests_and_fills_the_tables_and_goes_on_where_it_was': [
        'kdtoolbox reproduce ucf101 --videos data/ucf101/videos --annotations data/ucf101/annotations',
        'kdtoolbox reproduce hmdb51 --videos data/hmdb51/videos --annotations data/hmdb51/annotations '
        '--ucf101-videos data/ucf101/videos --ucf101-annotations data/ucf101/annotations',
    ],
    'tests/cli/test_sweep.py::test_the_example_trains_all_combinations': [
        'kdtoolbox sweep CONFIG --set model.terms.kd.weight=0.1,1,10 --set randomness.seed=0,1,2',
    ],
    'tests/cli/test_experiment.py::test_an_anc_experiment_trains_student_and_discriminator': [
        'python main.py --config configs/yaml/anc.yml',
        'python main.py --config configs/yaml/anc.yml --datasets my_datasets.yml',
    ],
    'tests/cli/test_experiment.py::test_a_simple_experiment_trains_on_one_data_set_and_is_evaluated_on_another': [
        'python main.py --config configs/yaml/simple.yml',
        'python tools/test.py exps/<exp_id>/simple.py exps/<exp_id>/epoch_45.pth --eval retrieval knn',
    ],
    'tests/benchmarks/test_methods.py::'
    'test_every_method_is_on_the_board_or_listed_with_its_error_and_a_second_call_runs_only_what_failed': [
        'python benchmarks/methods.py --jobs 2',
        'python benchmarks/methods.py --render',
    ],
    'tests/benchmarks/test_real_video.py::test_every_row_is_run_and_a_second_call_prints_the_same_table': [
        'python benchmarks/real_video.py --root DIR --train-list train.txt --test-list test.txt --teacher mobilenet_v2 '
        '--teacher-weights mobilenet_v2.pth --seeds 0 1 --out benchmarks/results/real_video.json',
        'python benchmarks/real_video.py --root DIR --train-list train.txt --test-list test.txt --teacher mobilenet_v2 '
        '--teacher-weights mobilenet_v2.pth --student image_stem --rows "distilled without" "probed teacher" '
        '"student, all labels" --epochs 12 --seeds 0 --out benchmarks/results/real_video_image_stem.json',
    ],
    'tests/benchmarks/test_scripts.py::test_right_frames_counts_wrong_frames_and_writes_the_table_into_a_page': [
        'python benchmarks/right_frames.py FOLDER … --write docs/right_frames.md',
    ],
    'tests/benchmarks/test_scripts.py::test_loading_gives_the_milliseconds_of_every_reader': [
        'python benchmarks/loading.py HMDB51_FOLDER UCF101_FOLDER KINETICS_FOLDER --rounds 6',
    ],
    'tests/benchmarks/test_scripts.py::test_reencode_gives_time_and_size_of_each_key_frame_interval': [
        'python benchmarks/reencode.py',
    ],
    'tests/benchmarks/test_scripts.py::test_scaling_plans_for_each_data_set_and_number_of_devices': [
        'python benchmarks/scaling.py',
        'python benchmarks/scaling.py --clips-per-second 180 --decode-ms 12',
    ],
    'tests/benchmarks/test_scripts.py::'
    'test_run_cost_counts_operations_and_measures_seconds_where_it_is_not_told_otherwise': [
        'python benchmarks/run_cost.py kd_r2d_to_r3d_hmdb51 --count-only',
        'python benchmarks/run_cost.py kd_r2d_to_r3d_hmdb51',
        'python benchmarks/run_cost.py kd_r2d_to_r3d_folder --videos 1000',
    ],
    'tests/benchmarks/test_scripts.py::test_training_clips_compares_the_ways_to_a_training_clip': [
        'python benchmarks/training_clips.py UCF101_FOLDER --videos 40 --rounds 3',
    ],
    'tests/benchmarks/test_scripts.py::test_cache_gives_the_milliseconds_of_a_step_and_the_operations_of_a_run': [
        'python benchmarks/cache.py',
    ],
    'tests/benchmarks/test_scripts.py::test_retrieval_is_timed_beside_plain_float32_and_a_full_sort': [
        'python benchmarks/retrieval.py',
    ],
    'tests/benchmarks/test_scripts.py::test_step_compares_the_toolbox_with_a_loop_by_hand': [
        'python -m benchmarks.step',
    ],
    'tests/benchmarks/test_scripts.py::test_memory_gives_the_peak_beside_the_student_alone': [
        'python -m benchmarks.memory',
    ],
    'tests/benchmarks/test_scripts.py::test_cached_tokens_gives_what_is_read_of_them': [
        'python -m benchmarks.cached_tokens',
    ],
    'tests/benchmarks/test_scripts.py::test_hidden_tokens_gives_the_time_of_a_step_at_each_share': [
        'python -m benchmarks.hidden_tokens',
    ],
    'tests/benchmarks/test_scripts.py::test_extraction_is_timed_beside_a_loop_over_ffmpeg': [
        'python -m benchmarks.extraction VIDEOS',
        'python -m benchmarks.extraction VIDEO_DIR',
    ],
    'tests/test_chain_on_real_clips.py::test_the_benchmark_trains_and_measures_every_row': [
        'python -m benchmarks.transformer_chain',
    ],
    'tests/benchmarks/test_study_commands.py::test_a_study_is_stored_run_counted_and_rendered': [
        'python benchmarks/students/study.py store --root DIR --train-list train.txt --test-list test.txt '
        '--weights mobilenet_v2.pth',
        'python benchmarks/students/study.py run targets student few --seeds 0 1 2',
        'python benchmarks/students/study.py run curve --seeds 0 1 2',
        'python benchmarks/students/study.py run weights pixels pixels_few epochs',
        'python benchmarks/students/study.py render',
    ],
    'tests/benchmarks/test_study_commands.py::test_a_contest_is_run_and_rendered': [
        'python benchmarks/students/contest.py run --jobs 2',
        'python benchmarks/students/contest.py run --regime label-free --jobs 2',
        'python benchmarks/students/contest.py run --regime all --weights-alone --jobs 2',
        'python benchmarks/students/contest.py run --regime label-free --network c3d --weights-alone --seeds 0 1 2',
        'python benchmarks/students/contest.py run --regime label-free --network r3d --epochs 48 --weights-alone '
        '--seeds 0 1 2',
        'python benchmarks/students/contest.py run --regime maps --weights-alone --jobs 2',
        'python benchmarks/students/contest.py render',
    ],
    'tests/test_configs.py::test_config_trains_and_validates': [  # every config, on small data
        'python tools/train.py configs/kd_r2d_to_r3d_hmdb51.py',
        'python tools/train.py configs/finetune_r3d_hmdb51.py --cfg-options load_from=student.pth',
        'python tools/train.py configs/anc_r2d_to_r3d_ucf101.py',
        'python tools/train.py configs/distinit_r2d_to_r3d_ucf101.py',
        'kdtoolbox train kd_cached_r2d_to_r3d_hmdb51',
        'kdtoolbox train regimes/clip_named_classes_r3d_ucf101',
    ],
}
